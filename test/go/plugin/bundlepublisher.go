package main

import (
	"context"
	"crypto/x509"

	"github.com/spiffe/spire-plugin-sdk/pluginsdk"
	identityproviderv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/hostservice/server/identityprovider/v1"
	bundlepublisherv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/bundlepublisher/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// bundlePublisher writes down what it is to publish, and in whose name: the server's own.
type bundlePublisher struct {
	bundlepublisherv1.UnimplementedBundlePublisherServer
	base

	identity identityproviderv1.IdentityProviderServiceClient
}

// BrokerHostServices is how the sdk hands over the host's services.
func (p *bundlePublisher) BrokerHostServices(broker pluginsdk.ServiceBroker) error {
	if !broker.BrokerClient(&p.identity) {
		return status.Error(codes.FailedPrecondition, "the host offers no identity")
	}
	return p.base.BrokerHostServices(broker)
}

func (p *bundlePublisher) PublishBundle(ctx context.Context, request *bundlepublisherv1.PublishBundleRequest) (*bundlepublisherv1.PublishBundleResponse, error) {
	bundle := request.GetBundle()
	if _, err := p.asked("PublishBundle", bundle.GetTrustDomain(), len(bundle.GetX509Authorities())); err != nil {
		return nil, err
	}
	response, err := p.identity.FetchX509Identity(ctx, &identityproviderv1.FetchX509IdentityRequest{})
	id := ""
	if err == nil {
		id, err = spiffeIDOf(response.GetIdentity())
	}
	p.told("FetchX509Identity", err, id, response.GetBundle().GetTrustDomain())
	return &bundlepublisherv1.PublishBundleResponse{}, nil
}

// spiffeIDOf says whose certificate it is, and makes sure that the key is there.
func spiffeIDOf(identity *identityproviderv1.X509Identity) (string, error) {
	if len(identity.GetCertChain()) == 0 {
		return "", status.Error(codes.DataLoss, "the identity has no certificate")
	}
	certificate, err := x509.ParseCertificate(identity.CertChain[0])
	if err != nil {
		return "", err
	}
	if _, err := x509.ParsePKCS8PrivateKey(identity.GetPrivateKey()); err != nil {
		return "", err
	}
	if len(certificate.URIs) != 1 {
		return "", status.Error(codes.DataLoss, "the certificate has no SPIFFE ID")
	}
	return certificate.URIs[0].String(), nil
}
