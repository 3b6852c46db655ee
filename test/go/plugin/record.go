package main

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl"
	"github.com/spiffe/spire-plugin-sdk/pluginsdk"
	metricsv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/hostservice/common/metrics/v1"
	configv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type config struct {
	// Record is the file that everything is written down in, one JSON object a line.
	Record string `hcl:"record"`
	// Word is a setting that can be changed and be seen to have changed.
	Word string `hcl:"word"`
	// ByReference has a workload attestor know workloads by references alone.
	ByReference bool `hcl:"by_reference"`
}

// base is what all the plugins share: a configuration, a record of what was asked, the host's log and its metrics.
type base struct {
	configv1.UnimplementedConfigServer

	logger  hclog.Logger
	metrics metricsv1.MetricsServiceClient

	mu     sync.RWMutex
	config *config
}

// SetLogger is how the sdk hands over the host's log.
func (b *base) SetLogger(logger hclog.Logger) {
	b.logger = logger
}

// BrokerHostServices is how the sdk hands over the host's services.
func (b *base) BrokerHostServices(broker pluginsdk.ServiceBroker) error {
	if !broker.BrokerClient(&b.metrics) {
		return status.Error(codes.FailedPrecondition, "the host offers no metrics")
	}
	return nil
}

func (b *base) Configure(ctx context.Context, request *configv1.ConfigureRequest) (*configv1.ConfigureResponse, error) {
	parsed, problem := parse(request.GetHclConfiguration())
	if problem != "" {
		return nil, status.Error(codes.InvalidArgument, problem)
	}
	b.mu.Lock()
	b.config = parsed
	b.mu.Unlock()
	b.logger.Info("Configured", "word", parsed.Word)
	b.write(map[string]any{"event": "configure", "word": parsed.Word, "trustDomain": request.GetCoreConfiguration().GetTrustDomain()})
	b.measure(ctx)
	return &configv1.ConfigureResponse{}, nil
}

func (b *base) Validate(_ context.Context, request *configv1.ValidateRequest) (*configv1.ValidateResponse, error) {
	_, problem := parse(request.GetHclConfiguration())
	if problem != "" {
		return &configv1.ValidateResponse{Notes: []string{problem}}, nil
	}
	return &configv1.ValidateResponse{Valid: true}, nil
}

// Close is what the sdk calls when the host says goodbye.
func (b *base) Close() error {
	b.write(map[string]any{"event": "close"})
	return nil
}

func parse(text string) (*config, string) {
	parsed := new(config)
	if err := hcl.Decode(parsed, text); err != nil {
		return nil, "configuration is malformed: " + err.Error()
	}
	if parsed.Word == "" {
		return nil, "word is required"
	}
	return parsed, ""
}

// asked writes down that an RPC came, and refuses it before there is a configuration.
func (b *base) asked(rpc string, detail ...any) (*config, error) {
	b.mu.RLock()
	configured := b.config
	b.mu.RUnlock()
	if configured == nil {
		return nil, status.Error(codes.FailedPrecondition, "not configured")
	}
	b.write(map[string]any{"event": "rpc", "name": rpc, "detail": detail})
	return configured, nil
}

// told writes down what the host answered.
func (b *base) told(call string, err error, detail ...any) {
	b.write(map[string]any{"event": "host", "name": call, "code": status.Code(err).String(), "detail": detail})
}

// measure asks each RPC of the host's metrics once.
func (b *base) measure(ctx context.Context) {
	key, labels := []string{"matrix", "configured"}, []*metricsv1.Label{{Name: "language", Value: "go"}}
	_, err := b.metrics.SetGauge(ctx, &metricsv1.SetGaugeRequest{Key: key, Val: 1, Labels: labels})
	b.told("SetGauge", err)
	_, err = b.metrics.EmitKey(ctx, &metricsv1.EmitKeyRequest{Key: key, Val: 1})
	b.told("EmitKey", err)
	_, err = b.metrics.IncrCounter(ctx, &metricsv1.IncrCounterRequest{Key: key, Val: 1, Labels: labels})
	b.told("IncrCounter", err)
	_, err = b.metrics.AddSample(ctx, &metricsv1.AddSampleRequest{Key: key, Val: 1, Labels: labels})
	b.told("AddSample", err)
	_, err = b.metrics.MeasureSince(ctx, &metricsv1.MeasureSinceRequest{Key: key, Time: time.Now().UnixNano(), Labels: labels})
	b.told("MeasureSince", err)
}

func (b *base) write(event map[string]any) {
	b.mu.RLock()
	configured := b.config
	b.mu.RUnlock()
	if configured == nil || configured.Record == "" {
		return
	}
	if err := appendLine(configured.Record, event); err != nil {
		b.logger.Error("Nothing can be written down", "error", err)
	}
}

func appendLine(path string, event map[string]any) error {
	line, err := json.Marshal(event)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}
