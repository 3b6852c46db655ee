// Command old is a plugin built with the first release of spire-plugin-sdk, as vendors' plugins of that time still are: it
// knows no Deinit, no Validate and no AttestReference. Its argument says which type it is; it takes a file's name for its
// whole configuration, and writes down there what is asked of it.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/spiffe/spire-plugin-sdk/pluginmain"
	workloadattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/workloadattestor/v1"
	notifierv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/notifier/v1"
	configv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// plugin is of both types; which of them it serves is decided at its start.
type plugin struct {
	configv1.UnimplementedConfigServer
	notifierv1.UnimplementedNotifierServer
	workloadattestorv1.UnimplementedWorkloadAttestorServer

	record atomic.Value
}

func (p *plugin) Configure(_ context.Context, request *configv1.ConfigureRequest) (*configv1.ConfigureResponse, error) {
	name, value, found := strings.Cut(request.HclConfiguration, "=")
	if !found || strings.TrimSpace(name) != "record" {
		return nil, status.Error(codes.InvalidArgument, "record is required")
	}
	p.record.Store(strings.Trim(strings.TrimSpace(value), `"`))
	return &configv1.ConfigureResponse{}, p.asked("Configure")
}

func (p *plugin) Notify(context.Context, *notifierv1.NotifyRequest) (*notifierv1.NotifyResponse, error) {
	return &notifierv1.NotifyResponse{}, p.asked("Notify")
}

func (p *plugin) NotifyAndAdvise(context.Context, *notifierv1.NotifyAndAdviseRequest) (*notifierv1.NotifyAndAdviseResponse, error) {
	return &notifierv1.NotifyAndAdviseResponse{}, p.asked("NotifyAndAdvise")
}

func (p *plugin) Attest(context.Context, *workloadattestorv1.AttestRequest) (*workloadattestorv1.AttestResponse, error) {
	return &workloadattestorv1.AttestResponse{SelectorValues: []string{"age:old"}}, p.asked("Attest")
}

func (p *plugin) asked(rpc string) error {
	path, ok := p.record.Load().(string)
	if !ok {
		return status.Error(codes.FailedPrecondition, "not configured")
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintf(file, "{\"event\":\"rpc\",\"name\":%q}\n", rpc)
	return err
}

func main() {
	p := new(plugin)
	switch strings.Join(os.Args[1:], " ") {
	case "server/Notifier":
		pluginmain.Serve(notifierv1.NotifierPluginServer(p), configv1.ConfigServiceServer(p))
	case "agent/WorkloadAttestor":
		pluginmain.Serve(workloadattestorv1.WorkloadAttestorPluginServer(p), configv1.ConfigServiceServer(p))
	}
	fmt.Fprintln(os.Stderr, "usage: old server/Notifier|agent/WorkloadAttestor")
	os.Exit(2)
}
