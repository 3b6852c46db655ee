import type { ServerAddress } from "@finial/test/support/attested-client";

/** What a load process can be asked to do, one task after the other. */
export type Task =
  /** Become an agent of the server, with a join token, and wait for its first entry. */
  | { readonly kind: "attest"; readonly server: ServerAddress; readonly joinToken: string }
  /** Make certificate requests, each with a key of its own, for the tasks to come. */
  | { readonly kind: "requests"; readonly count: number }
  /** Have all requests made so far signed; they are kept only to be sent once more, as a warm-up may. */
  | {
      readonly kind: "x509-svids";
      readonly perCall: number;
      readonly callsInFlight: number;
      readonly keep?: boolean;
    }
  | { readonly kind: "jwt-svids"; readonly durationMs: number; readonly callsInFlight: number }
  /** Ask the agent's Workload API, over so many connections, one call at a time on each. */
  | {
      readonly kind: "workload-fetches";
      readonly socketPath: string;
      readonly durationMs: number;
      readonly connections: number;
    };

export interface TaskResult {
  /** How many things were done. All of them succeeded: a failed one fails the task. */
  readonly count: number;
  readonly elapsedMs: number;
  /** Of the load process itself. */
  readonly cpuMs: number;
  /** Of each call, in no order; only where it says something. */
  readonly latenciesMs: readonly number[];
}

/** What a load process answers to each task. */
export type Answer =
  | { readonly ok: true; readonly result: TaskResult }
  | { readonly ok: false; readonly message: string };
