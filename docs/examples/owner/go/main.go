// Command owner is a WorkloadAttestor that knows a process by its owner.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/spiffe/spire-plugin-sdk/pluginmain"
	workloadattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/workloadattestor/v1"
	configv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type settings struct {
	WithGroup bool `hcl:"with_group"`
}

type owner struct {
	workloadattestorv1.UnimplementedWorkloadAttestorServer
	configv1.UnimplementedConfigServer

	// The old settings or the new ones, never a part of each; nil before the first.
	settings atomic.Pointer[settings]
}

// parse reads `with_group = true`; the whole text is checked before anything changes.
func parse(core *configv1.CoreConfiguration, text string) (*settings, error) {
	if core.GetTrustDomain() == "" {
		return nil, status.Error(codes.InvalidArgument, "core configuration must contain trust_domain")
	}
	file, err := hcl.Parse(text)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "plugin_data: %v", err)
	}
	// Decoding passes over keys that it does not know, and a misspelt one would be lost.
	if body, ok := file.Node.(*ast.ObjectList); ok {
		for _, item := range body.Items {
			if key := fmt.Sprint(item.Keys[0].Token.Value()); key != "with_group" {
				return nil, status.Errorf(codes.InvalidArgument, "unknown key %q", key)
			}
		}
	}
	parsed := &settings{WithGroup: true}
	if err := hcl.DecodeObject(parsed, file); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "plugin_data: %v", err)
	}
	return parsed, nil
}

func (o *owner) Configure(_ context.Context, request *configv1.ConfigureRequest) (*configv1.ConfigureResponse, error) {
	parsed, err := parse(request.CoreConfiguration, request.HclConfiguration)
	if err != nil {
		return nil, err
	}
	o.settings.Store(parsed)
	return &configv1.ConfigureResponse{}, nil
}

func (o *owner) Validate(_ context.Context, request *configv1.ValidateRequest) (*configv1.ValidateResponse, error) {
	if _, err := parse(request.CoreConfiguration, request.HclConfiguration); err != nil {
		return &configv1.ValidateResponse{Notes: []string{status.Convert(err).Message()}}, nil
	}
	return &configv1.ValidateResponse{Valid: true}, nil
}

func (o *owner) Attest(_ context.Context, request *workloadattestorv1.AttestRequest) (*workloadattestorv1.AttestResponse, error) {
	settings := o.settings.Load()
	if settings == nil {
		return nil, status.Error(codes.FailedPrecondition, "not configured")
	}
	if request.Pid <= 0 {
		return nil, status.Error(codes.InvalidArgument, "pid must be positive")
	}
	process, err := os.Stat(fmt.Sprintf("/proc/%d", request.Pid))
	if err != nil {
		return nil, status.Errorf(codes.NotFound, "cannot look at process %d: %v", request.Pid, err)
	}
	of := process.Sys().(*syscall.Stat_t)
	values := []string{fmt.Sprintf("uid:%d", of.Uid)}
	if settings.WithGroup {
		values = append(values, fmt.Sprintf("gid:%d", of.Gid))
	}
	return &workloadattestorv1.AttestResponse{SelectorValues: values}, nil
}

func main() {
	plugin := new(owner)
	pluginmain.Serve(
		workloadattestorv1.WorkloadAttestorPluginServer(plugin),
		configv1.ConfigServiceServer(plugin),
	)
}
