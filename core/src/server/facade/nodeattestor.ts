import type { Selector, SpiffeId } from "@finial/sdk/spiffe";

export interface AttestedAgent {
  readonly spiffeId: SpiffeId;
  /** The selector type is the plugin's name. */
  readonly selectors: readonly Selector[];
  readonly canReattest: boolean;
}

/** What the server asks of a NodeAttestor; found by `name`, the attestation type an agent sends. */
export interface NodeAttestor {
  readonly name: string;
  /**
   * @param payload never empty.
   * @param challenge relays one challenge to the agent and gives its response.
   * @throws {StatusError} the plugin's own status; Internal for malformed answers.
   */
  attest(
    payload: Buffer,
    challenge: (challenge: Buffer) => Promise<Buffer>,
    options: { readonly signal: AbortSignal; readonly forwardedHost: string; readonly clientIp: string },
  ): Promise<AttestedAgent>;
}
