import { MetricsDefinition } from "@finial/proto/plugin/hostservice/common/metrics/v1/metrics";
import type { Handlers } from "@finial/sdk/internal";
import type { HostService } from "../pluginhost/host-services.ts";
import type { Label, Metrics } from "../telemetry/metrics.ts";

/** Takes what plugins measure, each value labelled with the plugin it came from. */
export function metricsService(metrics: Metrics): HostService<typeof MetricsDefinition> {
  return {
    definition: MetricsDefinition,
    handlersFor: ({ type, name }): Handlers<typeof MetricsDefinition> => {
      const own = [
        { name: "plugin_type", value: type },
        { name: "plugin_name", value: name },
      ];
      // Which plugin it is that measures is not for the plugin to say.
      const withOwn = (labels: readonly Label[]): readonly Label[] => [
        ...own,
        ...labels.filter((label) => !own.some(({ name }) => name === label.name)),
      ];
      return {
        setGauge: ({ key, val, labels }) => {
          metrics.setGauge(key, val, withOwn(labels));
          return {};
        },
        emitKey: ({ key, val }) => {
          metrics.setGauge(key, val, own);
          return {};
        },
        incrCounter: ({ key, val, labels }) => {
          metrics.incrementCounter(key, val, withOwn(labels));
          return {};
        },
        addSample: ({ key, val, labels }) => {
          metrics.addSample(key, val, withOwn(labels));
          return {};
        },
        measureSince: ({ key, time, labels }) => {
          const sinceMs = Number(BigInt(time) / 1_000_000n);
          metrics.measureSince(key, new Date(sinceMs), withOwn(labels));
          return {};
        },
      };
    },
  };
}
