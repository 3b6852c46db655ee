/** What the agent asks of its NodeAttestor: the payload, then an answer a challenge. */
export interface NodeAttestor {
  /** Also the attestation type sent to the server. */
  readonly name: string;
  startAttestation(options: { readonly signal: AbortSignal }): Promise<AttestationAid>;
}

export interface AttestationAid extends AsyncDisposable {
  readonly payload: Buffer;
  respond(challenge: Buffer): Promise<Buffer>;
}
