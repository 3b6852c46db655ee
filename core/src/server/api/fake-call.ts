import type { CallContext } from "@finial/sdk/internal";
import { type AuditTrail, openAuditTrail } from "./audit.ts";

/** A call as handlers see it, audited. For tests. */
export function fakeCall(): CallContext & { readonly trail: AuditTrail } {
  const context: CallContext = {
    signal: new AbortController().signal,
    metadata: { get: () => [] },
    peer: "test",
    method: "/test/Test",
    values: new Map(),
  };
  return { ...context, trail: openAuditTrail(context) };
}
