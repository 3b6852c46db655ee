package main

import (
	"context"

	notifierv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/notifier/v1"
)

// notifier writes down what bundle it hears of.
type notifier struct {
	notifierv1.UnimplementedNotifierServer
	base
}

func (n *notifier) Notify(_ context.Context, request *notifierv1.NotifyRequest) (*notifierv1.NotifyResponse, error) {
	bundle := request.GetBundleUpdated().GetBundle()
	if _, err := n.asked("Notify", bundle.GetTrustDomain(), len(bundle.GetX509Authorities())); err != nil {
		return nil, err
	}
	return &notifierv1.NotifyResponse{}, nil
}

func (n *notifier) NotifyAndAdvise(_ context.Context, request *notifierv1.NotifyAndAdviseRequest) (*notifierv1.NotifyAndAdviseResponse, error) {
	bundle := request.GetBundleLoaded().GetBundle()
	if _, err := n.asked("NotifyAndAdvise", bundle.GetTrustDomain(), len(bundle.GetX509Authorities())); err != nil {
		return nil, err
	}
	return &notifierv1.NotifyAndAdviseResponse{}, nil
}
