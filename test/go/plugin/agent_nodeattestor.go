package main

import (
	"errors"
	"io"

	nodeattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/nodeattestor/v1"
)

// agentNodeAttestor gives the word of its configuration for a name, and turns sentences round.
type agentNodeAttestor struct {
	nodeattestorv1.UnimplementedNodeAttestorServer
	base
}

func (a *agentNodeAttestor) AidAttestation(stream nodeattestorv1.NodeAttestor_AidAttestationServer) error {
	config, err := a.asked("AidAttestation")
	if err != nil {
		return err
	}
	err = stream.Send(&nodeattestorv1.PayloadOrChallengeResponse{
		Data: &nodeattestorv1.PayloadOrChallengeResponse_Payload{Payload: []byte(config.Word)},
	})
	for err == nil {
		var challenge *nodeattestorv1.Challenge
		if challenge, err = stream.Recv(); err != nil {
			break
		}
		answer := backwards(string(challenge.Challenge))
		err = stream.Send(&nodeattestorv1.PayloadOrChallengeResponse{
			Data: &nodeattestorv1.PayloadOrChallengeResponse_ChallengeResponse{ChallengeResponse: []byte(answer)},
		})
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
