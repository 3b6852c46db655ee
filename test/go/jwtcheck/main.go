// Command jwtcheck reads a JWT-SVID from standard input, has go-spiffe validate it against the trust domain's bundle,
// and prints its header and claims as one JSON object.
package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
)

func main() {
	bundle := flag.String("bundle", "", "file of the bundle, in the SPIFFE format")
	trustDomain := flag.String("trustDomain", "", "the bundle's trust domain")
	audience := flag.String("audience", "", "the audience to validate for")
	flag.Parse()
	if err := run(*bundle, *trustDomain, *audience); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(bundlePath, trustDomainName, audience string) error {
	trustDomain, err := spiffeid.TrustDomainFromString(trustDomainName)
	if err != nil {
		return err
	}
	bundle, err := spiffebundle.Load(trustDomain, bundlePath)
	if err != nil {
		return err
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	token := strings.TrimSpace(string(input))
	svid, err := jwtsvid.ParseAndValidate(token, bundle, []string{audience})
	if err != nil {
		return err
	}
	header, err := headerOf(token)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"header":   header,
		"claims":   svid.Claims,
		"id":       svid.ID.String(),
		"audience": svid.Audience,
		"expiry":   svid.Expiry.Unix(),
		"hint":     svid.Hint,
	})
}

func headerOf(token string) (map[string]any, error) {
	encoded, _, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	header := map[string]any{}
	return header, json.Unmarshal(decoded, &header)
}
