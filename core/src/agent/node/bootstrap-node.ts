import { Code, StatusError } from "@finial/sdk";
import { fetchAuthorities } from "../api/fetch-authorities.ts";
import type { ServerAddress } from "../api/server-connection.ts";
import type { BootstrapSource } from "../config/bootstrap.ts";
import { Backoff } from "../sync/backoff.ts";
import { isUnknownAuthority } from "../sync/denial.ts";
import { type AttestedNode, type AttestOptions, attestNode } from "./attest.ts";
import type { Bootstrap } from "./bootstrap.ts";
import { fetchBootstrapBundle } from "./bootstrap-bundle.ts";

const firstWaitMs = 5_000;

export interface BootstrapNodeOptions extends Omit<AttestOptions, "bootstrapBundleDer"> {
  readonly bootstrap: Bootstrap;
  readonly source: BootstrapSource;
  readonly server: ServerAddress;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/**
 * Brings the agent to its identity: with the bundle and the SVID in its data, or by attestation, tried again for a minute.
 *
 * @throws {StatusError} the last failure; at once what trying again does not change: that the server refuses the agent, or what
 *   the agent says of itself.
 */
export async function bootstrapNode(options: BootstrapNodeOptions): Promise<AttestedNode> {
  const { bootstrap, data, clock, random, logger, signal } = options;
  if (data.record.chainDer.length > 0) bootstrap.checkReattestable(data.record.reattestable);
  const maxElapsedMs = bootstrap.patienceMs;
  const backoff = new Backoff({ initialMs: firstWaitMs, maxElapsedMs, clock, random });
  for (;;) {
    try {
      const attested = await attestOnce(options);
      bootstrap.succeeded();
      bootstrap.checkReattestable(attested.identity.reattestable);
      return attested;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      const error = StatusError.from(thrown);
      if (isUnknownAuthority(error)) bootstrap.unknownWhileAttesting();
      if (isFinal(error)) throw error;
      const waitMs = backoff.next();
      if (waitMs === undefined) throw error;
      logger.warn("Failed to retrieve attestation result", {
        error: error.message,
        retry_interval: `${(waitMs / 1000).toFixed(3)}s`,
      });
      await clock.sleep(waitMs, { signal });
    }
  }
}

async function attestOnce(options: BootstrapNodeOptions): Promise<AttestedNode> {
  const { data, source } = options;
  const isKnown = data.record.bundleDer.length > 0;
  return await attestNode({
    ...options,
    bootstrapBundleDer: isKnown ? undefined : await firstBundle(source, options),
  });
}

async function firstBundle(
  source: BootstrapSource,
  { bootstrap, trustDomain, server, signal }: BootstrapNodeOptions,
): Promise<readonly Buffer[] | undefined> {
  const { mode, attempts, startedAt } = bootstrap.begin();
  return await fetchBootstrapBundle(source, {
    trustDomain,
    about: {
      "spire-attest-mode": mode,
      "spire-connection-attempts": String(attempts),
      "spire-attest-start-time": startedAt.toISOString().replace(/\.\d+Z$/, "Z"),
      "spire-server-address": server.serverAddress,
      "spire-server-port": String(server.serverPort),
      "spiffe-trust-domain": trustDomain.name,
    },
    fetchFromWorkloadApi: (address, inner) => fetchAuthorities(address, trustDomain, inner),
    signal,
  });
}

const finalReasons: ReadonlySet<string> = new Set(["NOT_REATTESTABLE", "NO_BUNDLE"]);

/** The server does not want the agent, or not what it brings; or the agent is not fit to attest. */
function isFinal({ code, reason }: StatusError): boolean {
  return code === Code.PermissionDenied || code === Code.InvalidArgument || finalReasons.has(reason);
}
