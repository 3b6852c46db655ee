import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { type CallOptions, type Client, createClient, openChannel } from "@finial/sdk/internal";
import { type Bundle, parseSelector } from "@finial/sdk/spiffe";
import { credentials } from "@grpc/grpc-js";
import type { AuthorizedEntry } from "../../cache/authorized-entry.ts";
import { BundleCache } from "../../cache/bundle-cache.ts";
import { byId } from "../../cache/fake-entry.ts";
import { WorkloadCache } from "../../cache/workload-cache.ts";
import type { CachedX509Svid } from "../../cache/workload-update.ts";
import { WorkloadEndpoints, type WorkloadEndpointsOptions } from "../workload-endpoints.ts";

export interface FakeWorkloadApiOptions
  extends Partial<Omit<WorkloadEndpointsOptions, "clock" | "logger" | "workloads" | "trustDomain">> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the agent's trust domain. */
  readonly bundle: Bundle;
}

/** The Workload API on a socket, its caches to be filled; the caller has the selector `x:w`. For tests. */
export class FakeWorkloadApi implements AsyncDisposable {
  readonly bundles: BundleCache;
  readonly workloads: WorkloadCache;
  readonly client: Client<typeof SpiffeWorkloadAPIDefinition>;
  readonly socketPath: string;
  /** How often a caller was attested. */
  attestations = 0;
  #endpoints: WorkloadEndpoints | undefined;
  readonly #stack = new AsyncDisposableStack();
  readonly #leave = new AbortController();

  private constructor({ clock, logger, bundle }: FakeWorkloadApiOptions) {
    this.bundles = new BundleCache(bundle);
    this.workloads = new WorkloadCache({
      bundles: this.bundles,
      maxSize: 100,
      clock,
      logger: logger.with({}),
    });
    const folder = mkdtempSync(join(tmpdir(), "finial-agent-"));
    this.#stack.defer(() => rmSync(folder, { recursive: true }));
    this.socketPath = join(folder, "api.sock");
    const target = `unix:${this.socketPath}`;
    const channel = this.#stack.use(openChannel(target, credentials.createInsecure()));
    this.client = createClient(SpiffeWorkloadAPIDefinition, channel);
  }

  static async start(options: FakeWorkloadApiOptions): Promise<FakeWorkloadApi> {
    const api = new FakeWorkloadApi(options);
    const { bundle, ...rest } = options;
    api.#endpoints = api.#stack.use(
      await WorkloadEndpoints.start({
        socketPath: api.socketPath,
        disableWorkloadApi: false,
        attestation: {
          attest: async () => {
            api.attestations++;
            return [parseSelector("x:w")];
          },
        },
        jwtSvids: { fetch: () => Promise.reject(new StatusError(Code.Unavailable, "DOWN", "no server")) },
        rateLimits: noLimits,
        logSelectors: [],
        ownPid: 0,
        allowUnauthenticatedVerifiers: false,
        allowedForeignJwtClaims: [],
        ...rest,
        workloads: api.workloads,
        trustDomain: bundle.trustDomain,
      }),
    );
    api.#stack.defer(() => api.#leave.abort());
    return api;
  }

  /** What every call of a workload brings along; its streams end with the API. */
  get asWorkload(): CallOptions {
    return { metadata: { "workload.spiffe.io": "true" }, deadlineMs: 10_000, signal: this.#leave.signal };
  }

  get endpoints(): WorkloadEndpoints {
    return this.#endpoints as WorkloadEndpoints;
  }

  /** As a sync does it. */
  setEntries(
    entries: readonly AuthorizedEntry[],
    bundles: readonly Bundle[] = [...this.bundles.all.values()],
  ): void {
    const changedBundles = this.bundles.update(bundles);
    this.workloads.updateEntries({ entries: byId(entries), changedBundles, isDue: () => false });
  }

  issue(entry: AuthorizedEntry, svid: CachedX509Svid): void {
    this.workloads.updateSvids([{ entry, svid }]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

export const noLimits: WorkloadEndpointsOptions["rateLimits"] = {
  fetchX509Svid: 0,
  fetchX509Bundles: 0,
  fetchJwtSvid: 0,
  fetchJwtBundles: 0,
  streamSecrets: 0,
  fetchSecrets: 0,
};

/** The next message of a stream. */
export async function nextOf<T>(stream: AsyncIterator<T>): Promise<T> {
  const { done, value } = await stream.next();
  if (done) throw new Error("the stream has ended");
  return value;
}
