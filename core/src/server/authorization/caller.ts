import type { Certificate } from "@finial/sdk/crypto";
import type { CallContext } from "@finial/sdk/internal";
import type { SpiffeId } from "@finial/sdk/spiffe";

/** Who makes a call: somebody at the admin socket, or somebody on the network, with or without an X.509-SVID. */
export type Caller =
  | { readonly kind: "local"; readonly pid: number; readonly uid: number; readonly gid: number }
  | {
      readonly kind: "remote";
      /** IP address. */
      readonly address: string;
      readonly port: number;
      /** Verified against the bundle of its trust domain when the connection was made. */
      readonly svid: { readonly id: SpiffeId; readonly leaf: Certificate } | undefined;
    };

/** What authorization found out of a call. */
export interface Authorized {
  readonly caller: Caller;
  readonly as: "any" | "local" | "admin" | "downstream" | "agent";
}

/** Left by the authorizing interceptor. */
export function setAuthorized(context: CallContext, authorized: Authorized): void {
  context.values.set(setAuthorized, authorized);
}

/** Undefined before authorization. */
export function findAuthorized(context: CallContext): Authorized | undefined {
  return context.values.get(setAuthorized) as Authorized | undefined;
}

/** The SPIFFE ID the caller proved to have; undefined at the admin socket and for a stranger. */
export function callerIdOf(context: CallContext): SpiffeId | undefined {
  const caller = findAuthorized(context)?.caller;
  return caller?.kind === "remote" ? caller.svid?.id : undefined;
}

/** For logs, in SPIRE's names. */
export function callerFields(caller: Caller): Readonly<Record<string, unknown>> {
  if (caller.kind === "local") return {};
  const { address, port, svid } = caller;
  const host = address.includes(":") ? `[${address}]` : address;
  return { caller_addr: `${host}:${port}`, ...(svid && { caller_id: svid.id.toString() }) };
}
