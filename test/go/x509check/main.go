// Command x509check reads PEM certificates, leaf first, from standard input and prints what Go's crypto/x509 makes of
// the leaf as one JSON object. With -roots it also verifies the chain for client and server use.
package main

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"os"
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
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
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
	extensions := map[string]bool{}
	for _, extension := range certificate.Extensions {
		extensions[extension.Id.String()] = extension.Critical
	}
	usages := []int{}
	for _, usage := range certificate.ExtKeyUsage {
		usages = append(usages, int(usage))
	}
	return map[string]any{
		"version":            certificate.Version,
		"serial_bits":        certificate.SerialNumber.BitLen(),
		"serial":             certificate.SerialNumber.Text(16),
		"subject":            certificate.Subject.String(),
		"issuer":             certificate.Issuer.String(),
		"not_before":         certificate.NotBefore.Unix(),
		"not_after":          certificate.NotAfter.Unix(),
		"key_usage":          int(certificate.KeyUsage),
		"ext_key_usage":      usages,
		"basic_constraints":  certificate.BasicConstraintsValid,
		"is_ca":              certificate.IsCA,
		"max_path_len":       certificate.MaxPathLen,
		"max_path_len_zero":  certificate.MaxPathLenZero,
		"subject_key_id":     hex.EncodeToString(certificate.SubjectKeyId),
		"authority_key_id":   hex.EncodeToString(certificate.AuthorityKeyId),
		"uris":               uris,
		"dns_names":          certificate.DNSNames,
		"signature":          certificate.SignatureAlgorithm.String(),
		"public_key":         certificate.PublicKeyAlgorithm.String(),
		"critical_extension": extensions,
	}
}
