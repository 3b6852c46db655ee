import { randomInt } from "node:crypto";
import { Code, type Logger, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import type { JwtAuthority, X509Authority } from "@finial/sdk/spiffe";
import type { KeyManager, KeyType, ManagedKey } from "../facade/keymanager.ts";
import type { UpstreamAuthority } from "../facade/upstreamauthority.ts";
import { authorityIdOf, type JwtKey, type X509Ca } from "./authorities.ts";
import { checkUpstreamCa } from "./check-upstream-ca.ts";
import { keyIds } from "./load-slots.ts";
import type { OwnBundle } from "./own-bundle.ts";
import type { Authority, SlotId } from "./slots.ts";
import { type CaSurroundings, requestX509Ca, selfSignX509Ca } from "./x509-ca-certificate.ts";

/** An upstream gets this long for a key; it must not hold up the start. */
const publishLimitMs = 5000;
const kidAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

export interface AuthorityMakerOptions {
  readonly keyManager: KeyManager;
  readonly upstream: UpstreamAuthority | undefined;
  readonly bundle: OwnBundle;
  readonly surroundings: CaSurroundings;
  readonly caKeyType: KeyType;
  readonly jwtKeyType: KeyType;
  /** Told of each set of the upstream's roots, the first included. */
  readonly onUpstreamRoots: (roots: readonly X509Authority[]) => void;
  readonly logger: Logger;
}

/** Makes authorities, and makes them known to the trust domain before they are used. */
export class AuthorityMaker {
  readonly #options: AuthorityMakerOptions;
  #saidJwtKeysStayLocal = false;

  constructor(options: AuthorityMakerOptions) {
    this.#options = options;
  }

  async makeX509Ca(slot: SlotId): Promise<Authority<X509Ca>> {
    const { keyManager, caKeyType, upstream, surroundings } = this.#options;
    const issuedAt = surroundings.now();
    const key = await keyManager.generateKey(keyIds.x509Ca(slot), caKeyType);
    const value = upstream === undefined ? await this.#selfSign(key) : await this.#askUpstream(upstream, key);
    const { certificate } = value;
    return {
      value,
      issuedAt,
      notAfter: certificate.notAfter,
      authorityId: authorityIdOf(certificate.subjectKeyId),
      upstreamAuthorityId: authorityIdOf(certificate.authorityKeyId),
    };
  }

  async makeJwtKey(slot: SlotId): Promise<Authority<JwtKey>> {
    const { keyManager, jwtKeyType, surroundings } = this.#options;
    const issuedAt = surroundings.now();
    const notAfter = new Date(issuedAt.getTime() + surroundings.settings.caTtlMs);
    const key = await keyManager.generateKey(keyIds.jwtKey(slot), jwtKeyType);
    const kid = newKid();
    await this.publishJwtKey({
      keyId: kid,
      publicKeyPkixDer: key.publicKey.pkixDer,
      expiresAt: notAfter,
      tainted: false,
    });
    return { value: { kid, notAfter, key }, issuedAt, notAfter, authorityId: kid, upstreamAuthorityId: "" };
  }

  /** Takes a key as far up as it goes. @returns all keys known then. */
  async publishJwtKey(key: JwtAuthority): Promise<readonly JwtAuthority[]> {
    const { upstream, bundle } = this.#options;
    const published = upstream === undefined ? undefined : await this.#publishUpstream(upstream, key);
    const { jwtAuthorities } = await bundle.add({ jwtAuthorities: published ?? [key] });
    return published ?? jwtAuthorities;
  }

  async #selfSign(key: ManagedKey): Promise<X509Ca> {
    const certificate = await selfSignX509Ca(key, this.#options.surroundings);
    await this.#options.bundle.add({
      x509Authorities: [{ certificateDer: certificate.der, tainted: false }],
    });
    return { certificate, upstreamChain: [], key };
  }

  async #askUpstream(upstream: UpstreamAuthority, key: ManagedKey): Promise<X509Ca> {
    const { surroundings, bundle, onUpstreamRoots } = this.#options;
    const csrDer = await requestX509Ca(key, surroundings);
    const { chainDer, upstreamRoots } = await upstream.mintX509Ca(csrDer, {
      preferredTtlSeconds: Math.floor(surroundings.settings.caTtlMs / 1000),
      onRoots: onUpstreamRoots,
    });
    const upstreamChain = chainDer.map((der) => Certificate.parse(der));
    const minted = { chain: upstreamChain, roots: upstreamRoots };
    const certificate = await checkUpstreamCa(minted, key, surroundings);
    await bundle.add({ x509Authorities: upstreamRoots });
    // The bundle has them now; whether one of them became tainted, or one is gone, is looked at later.
    onUpstreamRoots(upstreamRoots);
    return { certificate, upstreamChain, key };
  }

  /** Undefined when the upstream takes no keys. */
  async #publishUpstream(
    upstream: UpstreamAuthority,
    key: JwtAuthority,
  ): Promise<readonly JwtAuthority[] | undefined> {
    const { bundle, logger } = this.#options;
    const onKeys = (keys: readonly JwtAuthority[]): void => {
      bundle.add({ jwtAuthorities: keys }).catch((error: unknown) =>
        logger.error("Failed to append upstream JWT keys to the bundle", {
          error: StatusError.from(error).message,
        }),
      );
    };
    try {
      const published = await upstream.publishJwtKey(key, { onKeys, limitMs: publishLimitMs });
      // A key that nobody is told of must not sign.
      if (published.some(({ keyId }) => keyId === key.keyId)) return published;
      throw new StatusError(
        Code.Internal,
        "JWT_KEY_UNPUBLISHED",
        `upstream authority did not publish the JWT key "${key.keyId}"`,
      );
    } catch (error) {
      if (StatusError.from(error).code !== Code.Unimplemented) throw error;
      if (!this.#saidJwtKeysStayLocal)
        logger.warn(
          "UpstreamAuthority plugin does not take JWT keys: workloads of other servers below the same upstream will not be able to validate JWT-SVIDs issued here",
          { plugin_name: upstream.name },
        );
      this.#saidJwtKeysStayLocal = true;
      return undefined;
    }
  }
}

/** 32 characters, as SPIRE's. */
function newKid(): string {
  return Array.from({ length: 32 }, () => kidAlphabet[randomInt(kidAlphabet.length)]).join("");
}
