package main

import (
	"github.com/spiffe/spire-plugin-sdk/pluginsdk"
	agentstorev1 "github.com/spiffe/spire-plugin-sdk/proto/spire/hostservice/server/agentstore/v1"
	nodeattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/nodeattestor/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// challenge is what an agent has to send back, turned round.
const challenge = "say it backwards"

// nodeAttestor knows an agent that can turn a sentence round, whatever it says its name is.
type nodeAttestor struct {
	nodeattestorv1.UnimplementedNodeAttestorServer
	base

	agents agentstorev1.AgentStoreServiceClient
}

// BrokerHostServices is how the sdk hands over the host's services.
func (a *nodeAttestor) BrokerHostServices(broker pluginsdk.ServiceBroker) error {
	if !broker.BrokerClient(&a.agents) {
		return status.Error(codes.FailedPrecondition, "the host offers no agent store")
	}
	return a.base.BrokerHostServices(broker)
}

func (a *nodeAttestor) Attest(stream nodeattestorv1.NodeAttestor_AttestServer) error {
	if _, err := a.asked("Attest"); err != nil {
		return err
	}
	request, err := stream.Recv()
	if err != nil {
		return err
	}
	name := string(request.GetPayload())
	err = stream.Send(&nodeattestorv1.AttestResponse{
		Response: &nodeattestorv1.AttestResponse_Challenge{Challenge: []byte(challenge)},
	})
	if err != nil {
		return err
	}
	if request, err = stream.Recv(); err != nil {
		return err
	}
	if string(request.GetChallengeResponse()) != backwards(challenge) {
		return status.Error(codes.PermissionDenied, "that is not it backwards")
	}
	id := "spiffe://example.org/spire/agent/matrix/" + name
	_, err = a.agents.GetAgentInfo(stream.Context(), &agentstorev1.GetAgentInfoRequest{AgentId: id})
	a.told("GetAgentInfo", err, id)
	return stream.Send(&nodeattestorv1.AttestResponse{
		Response: &nodeattestorv1.AttestResponse_AgentAttributes{
			AgentAttributes: &nodeattestorv1.AgentAttributes{
				SpiffeId:       id,
				SelectorValues: []string{"name:" + name, "challenged:true"},
				CanReattest:    true,
			},
		},
	})
}

func backwards(text string) string {
	runes := []rune(text)
	for left, right := 0, len(runes)-1; left < right; left, right = left+1, right-1 {
		runes[left], runes[right] = runes[right], runes[left]
	}
	return string(runes)
}
