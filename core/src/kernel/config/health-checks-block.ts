import { block, bool, type Decoded, type Field, string } from "@finial/sdk/hcl";

/** Where probes are answered over HTTP. */
export interface HealthListenerConfig {
  readonly address: string;
  readonly port: number;
  readonly livePath: string;
  readonly readyPath: string;
}

const fields = {
  listener_enabled: bool({ default: false }),
  bind_address: string({ default: "localhost" }),
  bind_port: string({ default: "80" }),
  live_path: string({ default: "/live" }),
  ready_path: string({ default: "/ready" }),
};

/** `health_checks { … }`: undefined unless its listener is on. */
export function healthChecksBlock(): Field<HealthListenerConfig | undefined> {
  const inner = block(fields);
  return {
    read: (occurrences, path, report) => {
      const value: Decoded<typeof fields> | undefined = inner.read(occurrences, path, report);
      if (!value?.listener_enabled) return undefined;
      const port = Number(value.bind_port);
      if (!Number.isInteger(port) || port < 0 || port > 65_535)
        report.add(
          occurrences.at(-1)?.key.position,
          `${path}.bind_port takes a port, not "${value.bind_port}"`,
        );
      return {
        address: value.bind_address,
        port,
        livePath: value.live_path,
        readyPath: value.ready_path,
      };
    },
  };
}
