import type { CallContext } from "@finial/sdk/internal";
import { type Caller, setAuthorized } from "../authorization/caller.ts";
import { type AuditTrail, openAuditTrail } from "./audit.ts";

export interface FakeCallOptions {
  /** `/package.Service/Method`. */
  readonly method?: string;
  /** Given, the call has been authorized as the caller's. */
  readonly caller?: Caller;
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
}

/** A call as handlers see it, audited. For tests. */
export function fakeCall(options: FakeCallOptions = {}): CallContext & { readonly trail: AuditTrail } {
  const { metadata = {}, caller } = options;
  const context: CallContext = {
    signal: options.signal ?? new AbortController().signal,
    metadata: { get: (name) => metadata[name] ?? [] },
    peer: "test",
    method: options.method ?? "/test/Test",
    values: new Map(),
  };
  if (caller !== undefined) setAuthorized(context, { caller, as: "any" });
  return { ...context, trail: openAuditTrail(context) };
}
