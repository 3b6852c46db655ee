package main

import (
	"context"
	"crypto/x509"

	svidstorev1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/svidstore/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// svidStore writes down whose SVIDs it is given, and which it is to forget.
type svidStore struct {
	svidstorev1.UnimplementedSVIDStoreServer
	base
}

func (s *svidStore) PutX509SVID(_ context.Context, request *svidstorev1.PutX509SVIDRequest) (*svidstorev1.PutX509SVIDResponse, error) {
	svid := request.GetSvid()
	if _, err := s.asked("PutX509SVID", svid.GetSpiffeID(), request.GetMetadata()); err != nil {
		return nil, err
	}
	if len(svid.GetCertChain()) == 0 || len(svid.GetBundle()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "the SVID has no chain or no bundle")
	}
	for _, der := range append(svid.CertChain, svid.Bundle...) {
		if _, err := x509.ParseCertificate(der); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "malformed certificate: %v", err)
		}
	}
	if _, err := x509.ParsePKCS8PrivateKey(svid.GetPrivateKey()); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "malformed key: %v", err)
	}
	return &svidstorev1.PutX509SVIDResponse{}, nil
}

func (s *svidStore) DeleteX509SVID(_ context.Context, request *svidstorev1.DeleteX509SVIDRequest) (*svidstorev1.DeleteX509SVIDResponse, error) {
	if _, err := s.asked("DeleteX509SVID", request.GetMetadata()); err != nil {
		return nil, err
	}
	return &svidstorev1.DeleteX509SVIDResponse{}, nil
}
