// Command x509check reads PEM certificates, leaf first, from standard input and prints what Go's crypto/x509 makes of
// the leaf as one JSON object. With -roots it also verifies the chain, an SVID's for client and server use.
package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

func main() {
	roots := flag.String("roots", "", "PEM file of trust anchors to verify against")
	flag.Parse()
	if err := run(*roots); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rootsPath string) error {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	certificates, err := parse(input)
	if err != nil {
		return err
	}
	if rootsPath != "" {
		if err := verify(certificates, rootsPath); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(describe(certificates[0]))
}

func parse(input []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for {
		var block *pem.Block
		if block, input = pem.Decode(input); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("no certificate on standard input")
	}
	return certificates, nil
}

func verify(certificates []*x509.Certificate, rootsPath string) error {
	contents, err := os.ReadFile(rootsPath)
	if err != nil {
		return err
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(contents) {
		return fmt.Errorf("no trust anchor in %s", rootsPath)
	}
	for _, intermediate := range certificates[1:] {
		intermediates.AddCert(intermediate)
	}
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	if certificates[0].IsCA {
		usages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	for _, usage := range usages {
		options := x509.VerifyOptions{Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{usage}}
		if _, err := certificates[0].Verify(options); err != nil {
			return err
		}
	}
	return nil
}

func describe(certificate *x509.Certificate) map[string]any {
	uris := []string{}
	for _, uri := range certificate.URIs {
		uris = append(uris, uri.String())
	}
	extensions, critical := []string{}, []string{}
	for _, extension := range certificate.Extensions {
		extensions = append(extensions, extension.Id.String())
		if extension.Critical {
			critical = append(critical, extension.Id.String())
		}
	}
	slices.Sort(extensions)
	slices.Sort(critical)
	pathLength := certificate.MaxPathLen
	if pathLength == 0 && !certificate.MaxPathLenZero {
		pathLength = -1
	}
	return map[string]any{
		"version":            certificate.Version,
		"serialNumber":       certificate.SerialNumber.Text(16),
		"subject":            certificate.Subject.String(),
		"issuer":             certificate.Issuer.String(),
		"notBefore":          certificate.NotBefore.Unix(),
		"notAfter":           certificate.NotAfter.Unix(),
		"publicKey":          publicKey(certificate),
		"signatureAlgorithm": certificate.SignatureAlgorithm.String(),
		"keyUsages":          keyUsages(certificate.KeyUsage),
		"extendedKeyUsages":  extendedKeyUsages(certificate),
		"basicConstraints":   certificate.BasicConstraintsValid,
		"isCa":               certificate.IsCA,
		"pathLength":         pathLength,
		"subjectKeyId":       hex.EncodeToString(certificate.SubjectKeyId),
		"authorityKeyId":     hex.EncodeToString(certificate.AuthorityKeyId),
		"uris":               uris,
		"dnsNames":           append([]string{}, certificate.DNSNames...),
		"otherNames":         len(certificate.EmailAddresses) + len(certificate.IPAddresses),
		"extensions":         extensions,
		"criticalExtensions": critical,
	}
}

func publicKey(certificate *x509.Certificate) string {
	switch key := certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return key.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", key.N.BitLen())
	default:
		return certificate.PublicKeyAlgorithm.String()
	}
}

var keyUsageNames = []string{
	"digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
	"cRLSign", "encipherOnly", "decipherOnly",
}

func keyUsages(usage x509.KeyUsage) []string {
	names := []string{}
	for bit, name := range keyUsageNames {
		if usage&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func extendedKeyUsages(certificate *x509.Certificate) []string {
	names := []string{}
	for _, usage := range certificate.ExtKeyUsage {
		switch usage {
		case x509.ExtKeyUsageServerAuth:
			names = append(names, "serverAuth")
		case x509.ExtKeyUsageClientAuth:
			names = append(names, "clientAuth")
		default:
			names = append(names, fmt.Sprintf("other-%d", usage))
		}
	}
	for _, unknown := range certificate.UnknownExtKeyUsage {
		names = append(names, unknown.String())
	}
	return names
}
