package main

import (
	"context"
	"strconv"

	"github.com/spiffe/go-spiffe/v2/exp/proto/spiffe/broker"
	workloadattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/workloadattestor/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// workloadAttestor knows every process, and says the word of its configuration of each. With by_reference it answers
// references alone, and a host has to make one.
type workloadAttestor struct {
	workloadattestorv1.UnimplementedWorkloadAttestorServer
	base
}

func (a *workloadAttestor) Attest(_ context.Context, request *workloadattestorv1.AttestRequest) (*workloadattestorv1.AttestResponse, error) {
	config, err := a.asked("Attest")
	if err != nil {
		return nil, err
	}
	if config.ByReference {
		return nil, status.Error(codes.Unimplemented, "workloads are known by references here")
	}
	return &workloadattestorv1.AttestResponse{SelectorValues: selectorsOf(config, request.Pid)}, nil
}

func (a *workloadAttestor) AttestReference(_ context.Context, request *workloadattestorv1.AttestReferenceRequest) (*workloadattestorv1.AttestReferenceResponse, error) {
	config, err := a.asked("AttestReference", request.GetReference().GetTypeUrl())
	if err != nil {
		return nil, err
	}
	reference := new(broker.WorkloadPIDReference)
	if err := request.GetReference().UnmarshalTo(reference); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "unknown kind of reference: %v", err)
	}
	return &workloadattestorv1.AttestReferenceResponse{SelectorValues: selectorsOf(config, reference.Pid)}, nil
}

func selectorsOf(config *config, pid int32) []string {
	return []string{"word:" + config.Word, "pid:" + strconv.Itoa(int(pid))}
}
