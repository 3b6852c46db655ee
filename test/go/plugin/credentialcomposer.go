package main

import (
	"context"

	credentialcomposerv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/credentialcomposer/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

// credentialComposer puts the word of its configuration into all that is issued.
type credentialComposer struct {
	credentialcomposerv1.UnimplementedCredentialComposerServer
	base
}

func (c *credentialComposer) ComposeServerX509CA(_ context.Context, request *credentialcomposerv1.ComposeServerX509CARequest) (*credentialcomposerv1.ComposeServerX509CAResponse, error) {
	config, err := c.asked("ComposeServerX509CA")
	if err != nil {
		return nil, err
	}
	attributes := request.Attributes
	attributes.Subject.OrganizationalUnit = append(attributes.Subject.OrganizationalUnit, config.Word)
	return &credentialcomposerv1.ComposeServerX509CAResponse{Attributes: attributes}, nil
}

func (c *credentialComposer) ComposeServerX509SVID(_ context.Context, request *credentialcomposerv1.ComposeServerX509SVIDRequest) (*credentialcomposerv1.ComposeServerX509SVIDResponse, error) {
	config, err := c.asked("ComposeServerX509SVID")
	if err != nil {
		return nil, err
	}
	return &credentialcomposerv1.ComposeServerX509SVIDResponse{Attributes: named(request.Attributes, config.Word)}, nil
}

func (c *credentialComposer) ComposeAgentX509SVID(_ context.Context, request *credentialcomposerv1.ComposeAgentX509SVIDRequest) (*credentialcomposerv1.ComposeAgentX509SVIDResponse, error) {
	config, err := c.asked("ComposeAgentX509SVID", request.SpiffeId, len(request.PublicKey) > 0)
	if err != nil {
		return nil, err
	}
	return &credentialcomposerv1.ComposeAgentX509SVIDResponse{Attributes: named(request.Attributes, config.Word)}, nil
}

func (c *credentialComposer) ComposeWorkloadX509SVID(_ context.Context, request *credentialcomposerv1.ComposeWorkloadX509SVIDRequest) (*credentialcomposerv1.ComposeWorkloadX509SVIDResponse, error) {
	config, err := c.asked("ComposeWorkloadX509SVID", request.SpiffeId, len(request.PublicKey) > 0)
	if err != nil {
		return nil, err
	}
	return &credentialcomposerv1.ComposeWorkloadX509SVIDResponse{Attributes: named(request.Attributes, config.Word)}, nil
}

func (c *credentialComposer) ComposeWorkloadJWTSVID(_ context.Context, request *credentialcomposerv1.ComposeWorkloadJWTSVIDRequest) (*credentialcomposerv1.ComposeWorkloadJWTSVIDResponse, error) {
	config, err := c.asked("ComposeWorkloadJWTSVID", request.SpiffeId)
	if err != nil {
		return nil, err
	}
	attributes := request.Attributes
	attributes.Claims.Fields["word"] = structpb.NewStringValue(config.Word)
	return &credentialcomposerv1.ComposeWorkloadJWTSVIDResponse{Attributes: attributes}, nil
}

func named(attributes *credentialcomposerv1.X509SVIDAttributes, word string) *credentialcomposerv1.X509SVIDAttributes {
	attributes.Subject.OrganizationalUnit = append(attributes.Subject.OrganizationalUnit, word)
	return attributes
}
