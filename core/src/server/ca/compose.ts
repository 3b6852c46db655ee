import type { PublicKey } from "@finial/sdk/crypto";
import type { SpiffeId } from "@finial/sdk/spiffe";
import type {
  CredentialComposer,
  JwtClaims,
  X509CaAttributes,
  X509SvidAttributes,
} from "../facade/credentialcomposer.ts";

/** The credential composers, one after the other, each given what the one before made. */
export class Composers {
  readonly #composers: readonly CredentialComposer[];

  constructor(composers: readonly CredentialComposer[]) {
    this.#composers = composers;
  }

  get none(): boolean {
    return this.#composers.length === 0;
  }

  async x509Ca(attributes: X509CaAttributes): Promise<X509CaAttributes> {
    return await this.#fold(attributes, (composer, last) => composer.composeServerX509Ca(last));
  }

  async serverX509Svid(attributes: X509SvidAttributes): Promise<X509SvidAttributes> {
    return await this.#fold(attributes, (composer, last) => composer.composeServerX509Svid(last));
  }

  async agentX509Svid(
    attributes: X509SvidAttributes,
    id: SpiffeId,
    publicKey: PublicKey,
  ): Promise<X509SvidAttributes> {
    return await this.#fold(attributes, (composer, last) =>
      composer.composeAgentX509Svid(last, id, publicKey),
    );
  }

  async workloadX509Svid(
    attributes: X509SvidAttributes,
    id: SpiffeId,
    publicKey: PublicKey,
  ): Promise<X509SvidAttributes> {
    return await this.#fold(attributes, (composer, last) =>
      composer.composeWorkloadX509Svid(last, id, publicKey),
    );
  }

  async workloadJwtSvid(claims: JwtClaims, id: SpiffeId): Promise<JwtClaims> {
    return await this.#fold(claims, (composer, last) => composer.composeWorkloadJwtSvid(last, id));
  }

  async #fold<T>(first: T, compose: (composer: CredentialComposer, last: T) => Promise<T>): Promise<T> {
    let last = first;
    for (const composer of this.#composers) last = await compose(composer, last);
    return last;
  }
}
