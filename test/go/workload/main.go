// Command workload is a SPIFFE workload written with go-spiffe, for the scenarios: it watches X.509-SVIDs,
// fetches and validates JWT-SVIDs, and talks mutual TLS with another workload. It prints one JSON object a line.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

var (
	socket   = flag.String("socket", "", "Workload API address, unix:///…")
	updates  = flag.Int("updates", 1, "watch: how many X.509 contexts to wait for")
	audience = flag.String("audience", "test", "jwt: the audience")
	peer     = flag.String("peer", "", "serve, dial: the only SPIFFE ID to accept")
	address  = flag.String("address", "127.0.0.1:0", "serve, dial: host:port")
	count    = flag.Int("count", 1, "serve: how many connections to take")
	timeout  = flag.Duration("timeout", 2*time.Minute, "gives up after this")
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: workload [flags] watch|jwt|serve|dial")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	commands := map[string]func(context.Context) error{"watch": watch, "jwt": fetchJWT, "serve": serve, "dial": dial}
	run, ok := commands[flag.Arg(0)]
	if !ok {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func report(fields map[string]any) {
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func options() workloadapi.ClientOption {
	return workloadapi.WithAddr(*socket)
}

// contexts counts the X.509 contexts it is given, and says each, verified against its own bundle.
type contexts struct {
	seen chan error
}

func (w *contexts) OnX509ContextUpdate(update *workloadapi.X509Context) {
	svid := update.DefaultSVID()
	id, _, err := x509svid.Verify(svid.Certificates, update.Bundles)
	if err == nil {
		leaf := svid.Certificates[0]
		report(map[string]any{
			"spiffe_id":  id.String(),
			"serial":     leaf.SerialNumber.String(),
			"not_before": leaf.NotBefore.Unix(),
			"not_after":  leaf.NotAfter.Unix(),
			"bundles":    update.Bundles.Len(),
			"at":         time.Now().Unix(),
		})
	}
	w.seen <- err
}

func (w *contexts) OnX509ContextWatchError(err error) {
	if !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "watch:", err)
	}
}

func watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watcher := &contexts{seen: make(chan error)}
	ended := make(chan error, 1)
	go func() { ended <- workloadapi.WatchX509Context(ctx, watcher, options()) }()
	for range *updates {
		select {
		case err := <-watcher.seen:
			if err != nil {
				return err
			}
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func fetchJWT(ctx context.Context) error {
	client, err := workloadapi.New(ctx, options())
	if err != nil {
		return err
	}
	defer client.Close()
	svid, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: *audience})
	if err != nil {
		return err
	}
	if _, err := client.ValidateJWTSVID(ctx, svid.Marshal(), *audience); err != nil {
		return fmt.Errorf("validated by the agent: %w", err)
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	parsed, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{*audience})
	if err != nil {
		return fmt.Errorf("validated here: %w", err)
	}
	if _, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{"another"}); err == nil {
		return errors.New("a token for another audience was accepted")
	}
	report(map[string]any{"spiffe_id": parsed.ID.String(), "audience": parsed.Audience, "expiry": parsed.Expiry.Unix()})
	return nil
}

// identity is what both ends of a mutual TLS connection stand on.
func identity(ctx context.Context) (*workloadapi.X509Source, spiffeid.ID, error) {
	id, err := spiffeid.FromString(*peer)
	if err != nil {
		return nil, spiffeid.ID{}, err
	}
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(options()))
	return source, id, err
}

func serve(ctx context.Context) error {
	source, id, err := identity(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	listener, err := tls.Listen("tcp", *address, tlsconfig.MTLSServerConfig(source, bundles(source), tlsconfig.AuthorizeID(id)))
	if err != nil {
		return err
	}
	defer listener.Close()
	report(map[string]any{"address": listener.Addr().String()})
	for range *count {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		answer(connection.(*tls.Conn))
	}
	return nil
}

func answer(connection *tls.Conn) {
	defer connection.Close()
	if err := connection.Handshake(); err != nil {
		report(map[string]any{"refused": err.Error()})
		return
	}
	client := connection.ConnectionState().PeerCertificates[0].URIs[0].String()
	report(map[string]any{"accepted": client})
	fmt.Fprintf(connection, "hello %s", client)
}

func dial(ctx context.Context) error {
	source, id, err := identity(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	dialer := tls.Dialer{Config: tlsconfig.MTLSClientConfig(source, bundles(source), tlsconfig.AuthorizeID(id))}
	connection, err := dialer.DialContext(ctx, "tcp", *address)
	if err != nil {
		return err
	}
	defer connection.Close()
	greeting, err := io.ReadAll(connection)
	if err != nil {
		return err
	}
	report(map[string]any{"greeting": string(greeting)})
	return nil
}

func bundles(source *workloadapi.X509Source) x509bundle.Source {
	return source
}
