// Command keymanager is a KeyManager plugin written in Go with spire-plugin-sdk: what a vendor's plugin looks like to a
// host. It keeps its keys in memory and takes any configuration.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/spiffe/spire-plugin-sdk/pluginmain"
	keymanagerv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/keymanager/v1"
	configv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func main() {
	plugin := &keyManager{keys: map[string]*key{}}
	pluginmain.Serve(keymanagerv1.KeyManagerPluginServer(plugin), configv1.ConfigServiceServer(plugin))
}

type key struct {
	signer crypto.Signer
	public *keymanagerv1.PublicKey
}

type keyManager struct {
	keymanagerv1.UnimplementedKeyManagerServer
	configv1.UnimplementedConfigServer

	logger hclog.Logger

	mu         sync.RWMutex
	configured bool
	keys       map[string]*key
}

// SetLogger is how the sdk hands over the host's log.
func (m *keyManager) SetLogger(logger hclog.Logger) {
	m.logger = logger
}

func (m *keyManager) Configure(_ context.Context, request *configv1.ConfigureRequest) (*configv1.ConfigureResponse, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.configured = true
	m.logger.Info("Configured", "trust_domain", request.GetCoreConfiguration().GetTrustDomain())
	return &configv1.ConfigureResponse{}, nil
}

func (m *keyManager) Validate(context.Context, *configv1.ValidateRequest) (*configv1.ValidateResponse, error) {
	return &configv1.ValidateResponse{Valid: true}, nil
}

func (m *keyManager) GenerateKey(_ context.Context, request *keymanagerv1.GenerateKeyRequest) (*keymanagerv1.GenerateKeyResponse, error) {
	if request.KeyId == "" {
		return nil, status.Error(codes.InvalidArgument, "key id is required")
	}
	made, err := makeKey(request.KeyId, request.KeyType)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.configured {
		return nil, errNotConfigured()
	}
	m.keys[request.KeyId] = made
	return &keymanagerv1.GenerateKeyResponse{PublicKey: made.public}, nil
}

func (m *keyManager) GetPublicKey(_ context.Context, request *keymanagerv1.GetPublicKeyRequest) (*keymanagerv1.GetPublicKeyResponse, error) {
	found, err := m.find(request.KeyId)
	if err != nil {
		return nil, err
	}
	return &keymanagerv1.GetPublicKeyResponse{PublicKey: found.public}, nil
}

func (m *keyManager) GetPublicKeys(context.Context, *keymanagerv1.GetPublicKeysRequest) (*keymanagerv1.GetPublicKeysResponse, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.configured {
		return nil, errNotConfigured()
	}
	response := &keymanagerv1.GetPublicKeysResponse{}
	for _, one := range m.keys {
		response.PublicKeys = append(response.PublicKeys, one.public)
	}
	slices.SortFunc(response.PublicKeys, func(a, b *keymanagerv1.PublicKey) int { return strings.Compare(a.Id, b.Id) })
	return response, nil
}

func (m *keyManager) SignData(_ context.Context, request *keymanagerv1.SignDataRequest) (*keymanagerv1.SignDataResponse, error) {
	found, err := m.find(request.KeyId)
	if err != nil {
		return nil, err
	}
	options, err := signerOptions(request)
	if err != nil {
		return nil, err
	}
	signature, err := found.signer.Sign(rand.Reader, request.Data, options)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "unable to sign: %v", err)
	}
	return &keymanagerv1.SignDataResponse{Signature: signature, KeyFingerprint: found.public.Fingerprint}, nil
}

func (m *keyManager) find(id string) (*key, error) {
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "key id is required")
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.configured {
		return nil, errNotConfigured()
	}
	found, ok := m.keys[id]
	if !ok {
		return nil, status.Errorf(codes.NotFound, "key %q not found", id)
	}
	return found, nil
}

func makeKey(id string, keyType keymanagerv1.KeyType) (*key, error) {
	signer, err := generate(keyType)
	if err != nil {
		return nil, err
	}
	pkix, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, status.Errorf(codes.Internal, "unable to encode the public key: %v", err)
	}
	sum := sha256.Sum256(pkix)
	return &key{signer: signer, public: &keymanagerv1.PublicKey{
		Id:          id,
		Type:        keyType,
		PkixData:    pkix,
		Fingerprint: hex.EncodeToString(sum[:]),
	}}, nil
}

func generate(keyType keymanagerv1.KeyType) (signer crypto.Signer, err error) {
	switch keyType {
	case keymanagerv1.KeyType_EC_P256:
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case keymanagerv1.KeyType_EC_P384:
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case keymanagerv1.KeyType_RSA_2048:
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case keymanagerv1.KeyType_RSA_4096:
		signer, err = rsa.GenerateKey(rand.Reader, 4096)
	default:
		return nil, status.Errorf(codes.InvalidArgument, "unsupported key type %s", keyType)
	}
	if err != nil {
		return nil, status.Errorf(codes.Internal, "unable to generate a key: %v", err)
	}
	return signer, nil
}

var hashes = map[keymanagerv1.HashAlgorithm]crypto.Hash{
	keymanagerv1.HashAlgorithm_SHA256: crypto.SHA256,
	keymanagerv1.HashAlgorithm_SHA384: crypto.SHA384,
	keymanagerv1.HashAlgorithm_SHA512: crypto.SHA512,
}

func signerOptions(request *keymanagerv1.SignDataRequest) (crypto.SignerOpts, error) {
	pss := request.GetPssOptions()
	algorithm := request.GetHashAlgorithm()
	if pss != nil {
		algorithm = pss.HashAlgorithm
	}
	hash, ok := hashes[algorithm]
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "unsupported hash algorithm %s", algorithm)
	}
	if len(request.Data) != hash.Size() {
		return nil, status.Errorf(codes.InvalidArgument, "data of %d bytes is no %s digest", len(request.Data), algorithm)
	}
	if pss != nil {
		return &rsa.PSSOptions{SaltLength: int(pss.SaltLength), Hash: hash}, nil
	}
	return hash, nil
}

func errNotConfigured() error {
	return status.Error(codes.FailedPrecondition, "not configured")
}
