package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"time"

	upstreamauthorityv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/upstreamauthority/v1"
	"github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// secondRootAfter is when a root that was not there at first is told of.
const secondRootAfter = time.Second

// root is a certificate authority that is its own.
type root struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

// upstreamAuthority signs CAs with a root made at its start, and tells of another root soon after.
type upstreamAuthority struct {
	upstreamauthorityv1.UnimplementedUpstreamAuthorityServer
	base

	roots [2]*root

	jwtKeysMu sync.Mutex
	jwtKeys   []*types.JWTKey
}

func newUpstreamAuthority() *upstreamAuthority {
	return &upstreamAuthority{roots: [2]*root{mustMakeRoot("first root"), mustMakeRoot("second root")}}
}

func (a *upstreamAuthority) MintX509CAAndSubscribe(request *upstreamauthorityv1.MintX509CARequest, stream upstreamauthorityv1.UpstreamAuthority_MintX509CAAndSubscribeServer) error {
	if _, err := a.asked("MintX509CAAndSubscribe", request.PreferredTtl); err != nil {
		return err
	}
	minted, err := a.roots[0].sign(request.Csr, time.Duration(request.PreferredTtl)*time.Second)
	if err != nil {
		return err
	}
	err = stream.Send(&upstreamauthorityv1.MintX509CAResponse{
		X509CaChain:       []*types.X509Certificate{{Asn1: minted}},
		UpstreamX509Roots: a.rootsUpTo(1),
	})
	if err != nil {
		return err
	}
	select {
	case <-time.After(secondRootAfter):
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	if err := stream.Send(&upstreamauthorityv1.MintX509CAResponse{UpstreamX509Roots: a.rootsUpTo(2)}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (a *upstreamAuthority) PublishJWTKeyAndSubscribe(request *upstreamauthorityv1.PublishJWTKeyRequest, stream upstreamauthorityv1.UpstreamAuthority_PublishJWTKeyAndSubscribeServer) error {
	if _, err := a.asked("PublishJWTKeyAndSubscribe", request.GetJwtKey().GetKeyId()); err != nil {
		return err
	}
	if err := stream.Send(&upstreamauthorityv1.PublishJWTKeyResponse{UpstreamJwtKeys: a.publish(request.JwtKey)}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (a *upstreamAuthority) SubscribeToLocalBundle(_ *upstreamauthorityv1.SubscribeToLocalBundleRequest, stream upstreamauthorityv1.UpstreamAuthority_SubscribeToLocalBundleServer) error {
	if _, err := a.asked("SubscribeToLocalBundle"); err != nil {
		return err
	}
	err := stream.Send(&upstreamauthorityv1.SubscribeToLocalBundleResponse{
		UpstreamX509Roots: a.rootsUpTo(2),
		UpstreamJwtKeys:   a.publish(nil),
	})
	if err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// publish adds a key unless it is nil, and gives all that were.
func (a *upstreamAuthority) publish(key *types.JWTKey) []*types.JWTKey {
	a.jwtKeysMu.Lock()
	defer a.jwtKeysMu.Unlock()
	if key != nil {
		a.jwtKeys = append(a.jwtKeys, key)
	}
	return append([]*types.JWTKey(nil), a.jwtKeys...)
}

func (a *upstreamAuthority) rootsUpTo(count int) (certificates []*types.X509Certificate) {
	for _, root := range a.roots[:count] {
		certificates = append(certificates, &types.X509Certificate{Asn1: root.certificate.Raw})
	}
	return certificates
}

func (r *root) sign(csr []byte, ttl time.Duration) ([]byte, error) {
	request, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "malformed CSR: %v", err)
	}
	if err := request.CheckSignature(); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the CSR's signature does not hold: %v", err)
	}
	if ttl == 0 {
		ttl = time.Hour
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               request.Subject,
		URIs:                  request.URIs,
		NotBefore:             now.Add(-10 * time.Second),
		NotAfter:              now.Add(ttl),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	minted, err := x509.CreateCertificate(rand.Reader, template, r.certificate, request.PublicKey, r.key)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "unable to sign: %v", err)
	}
	return minted, nil
}

func mustMakeRoot(name string) *root {
	made, err := makeRoot(name)
	if err != nil {
		panic(err)
	}
	return made
}

func makeRoot(name string) (*root, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Minute),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &root{key: key, certificate: certificate}, nil
}
