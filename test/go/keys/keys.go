// Package keys keeps private keys in memory, for key managers of either side: their messages differ in name alone.
package keys

import (
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

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Key is a private key, and what the host may know of it.
type Key struct {
	ID string
	// Type is the name of an enum's value, such as EC_P256.
	Type string
	// PKIX is the public key in DER.
	PKIX        []byte
	Fingerprint string

	signer crypto.Signer
}

// Ring holds keys by their IDs.
type Ring struct {
	mu   sync.RWMutex
	keys map[string]*Key
}

// NewRing gives an empty one.
func NewRing() *Ring {
	return &Ring{keys: map[string]*Key{}}
}

// Generate makes a key, which takes the place of one with the same ID.
func (r *Ring) Generate(id, keyType string) (*Key, error) {
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "key id is required")
	}
	signer, err := generate(keyType)
	if err != nil {
		return nil, err
	}
	pkix, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, status.Errorf(codes.Internal, "unable to encode the public key: %v", err)
	}
	sum := sha256.Sum256(pkix)
	made := &Key{ID: id, Type: keyType, PKIX: pkix, Fingerprint: hex.EncodeToString(sum[:]), signer: signer}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[id] = made
	return made, nil
}

// Find gives the key with this ID.
func (r *Ring) Find(id string) (*Key, error) {
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "key id is required")
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	found, ok := r.keys[id]
	if !ok {
		return nil, status.Errorf(codes.NotFound, "key %q not found", id)
	}
	return found, nil
}

// All gives the keys, sorted by their IDs.
func (r *Ring) All() []*Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Key, 0, len(r.keys))
	for _, key := range r.keys {
		all = append(all, key)
	}
	slices.SortFunc(all, func(a, b *Key) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// PSS says how an RSA signature is salted.
type PSS struct {
	SaltLength int
}

// Sign signs a digest. The hash is a number of the wire's enum, which is Go's own; pss is nil unless the signature is to be one.
func (k *Key) Sign(digest []byte, hash int32, pss *PSS) ([]byte, error) {
	algorithm := crypto.Hash(hash)
	if !slices.Contains([]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}, algorithm) {
		return nil, status.Errorf(codes.InvalidArgument, "unsupported hash algorithm %d", hash)
	}
	if len(digest) != algorithm.Size() {
		return nil, status.Errorf(codes.InvalidArgument, "data of %d bytes is no %s digest", len(digest), algorithm)
	}
	var options crypto.SignerOpts = algorithm
	if pss != nil {
		options = &rsa.PSSOptions{SaltLength: pss.SaltLength, Hash: algorithm}
	}
	signature, err := k.signer.Sign(rand.Reader, digest, options)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "unable to sign: %v", err)
	}
	return signature, nil
}

func generate(keyType string) (signer crypto.Signer, err error) {
	switch keyType {
	case "EC_P256":
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EC_P384":
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "RSA_2048":
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case "RSA_4096":
		signer, err = rsa.GenerateKey(rand.Reader, 4096)
	default:
		return nil, status.Errorf(codes.InvalidArgument, "unsupported key type %s", keyType)
	}
	if err != nil {
		return nil, status.Errorf(codes.Internal, "unable to generate a key: %v", err)
	}
	return signer, nil
}
