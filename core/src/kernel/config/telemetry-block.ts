import { block, blocks, bool, type Field, int, string, strings } from "@finial/sdk/hcl";

const tls = {
  cert_file: string(),
  key_file: string(),
  client_ca_file: string(),
  use_spire_svid: bool(),
  authorized_spiffe_ids: strings(),
};
const fields = {
  Prometheus: block({ host: string(), port: int(), tls: block(tls) }),
  DogStatsd: blocks({ address: string() }),
  Statsd: blocks({ address: string() }),
  M3: blocks({ address: string(), env: string() }),
  InMem: block({ enabled: bool() }),
  MetricPrefix: string(),
  EnableTrustDomainLabel: bool(),
  EnableHostnameLabel: bool(),
  AllowedPrefixes: strings(),
  BlockedPrefixes: strings(),
  AllowedLabels: strings(),
  BlockedLabels: strings(),
};

/** `telemetry { … }`: read for its mistakes. @returns the sinks it names, in its own words. */
export function telemetryBlock(): Field<readonly string[]> {
  const inner = block(fields);
  return {
    read: (occurrences, path, report) => {
      const value = inner.read(occurrences, path, report);
      if (value === undefined) return [];
      return [
        ...(value.Prometheus === undefined ? [] : ["Prometheus"]),
        ...(value.DogStatsd.length === 0 ? [] : ["DogStatsd"]),
        ...(value.Statsd.length === 0 ? [] : ["Statsd"]),
        ...(value.M3.length === 0 ? [] : ["M3"]),
        ...(value.InMem === undefined ? [] : ["InMem"]),
      ];
    },
  };
}
