package main

import (
	"context"

	keymanagerv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/keymanager/v1"

	"finial.test/go/keys"
)

// keyManager keeps the server's keys in memory.
type keyManager struct {
	keymanagerv1.UnimplementedKeyManagerServer
	base

	keys *keys.Ring
}

func newKeyManager() *keyManager {
	return &keyManager{keys: keys.NewRing()}
}

func (m *keyManager) GenerateKey(_ context.Context, request *keymanagerv1.GenerateKeyRequest) (*keymanagerv1.GenerateKeyResponse, error) {
	if _, err := m.asked("GenerateKey", request.KeyId); err != nil {
		return nil, err
	}
	made, err := m.keys.Generate(request.KeyId, request.KeyType.String())
	if err != nil {
		return nil, err
	}
	return &keymanagerv1.GenerateKeyResponse{PublicKey: publicKey(made)}, nil
}

func (m *keyManager) GetPublicKey(_ context.Context, request *keymanagerv1.GetPublicKeyRequest) (*keymanagerv1.GetPublicKeyResponse, error) {
	if _, err := m.asked("GetPublicKey", request.KeyId); err != nil {
		return nil, err
	}
	found, err := m.keys.Find(request.KeyId)
	if err != nil {
		return nil, err
	}
	return &keymanagerv1.GetPublicKeyResponse{PublicKey: publicKey(found)}, nil
}

func (m *keyManager) GetPublicKeys(context.Context, *keymanagerv1.GetPublicKeysRequest) (*keymanagerv1.GetPublicKeysResponse, error) {
	if _, err := m.asked("GetPublicKeys"); err != nil {
		return nil, err
	}
	response := &keymanagerv1.GetPublicKeysResponse{}
	for _, key := range m.keys.All() {
		response.PublicKeys = append(response.PublicKeys, publicKey(key))
	}
	return response, nil
}

func (m *keyManager) SignData(_ context.Context, request *keymanagerv1.SignDataRequest) (*keymanagerv1.SignDataResponse, error) {
	if _, err := m.asked("SignData", request.KeyId); err != nil {
		return nil, err
	}
	found, err := m.keys.Find(request.KeyId)
	if err != nil {
		return nil, err
	}
	hash, pss := request.GetHashAlgorithm(), (*keys.PSS)(nil)
	if options := request.GetPssOptions(); options != nil {
		hash, pss = options.HashAlgorithm, &keys.PSS{SaltLength: int(options.SaltLength)}
	}
	signature, err := found.Sign(request.Data, int32(hash), pss)
	if err != nil {
		return nil, err
	}
	return &keymanagerv1.SignDataResponse{Signature: signature, KeyFingerprint: found.Fingerprint}, nil
}

func publicKey(key *keys.Key) *keymanagerv1.PublicKey {
	return &keymanagerv1.PublicKey{
		Id:          key.ID,
		Type:        keymanagerv1.KeyType(keymanagerv1.KeyType_value[key.Type]),
		PkixData:    key.PKIX,
		Fingerprint: key.Fingerprint,
	}
}
