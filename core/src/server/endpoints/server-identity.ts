import type { KeyObject } from "node:crypto";
import { type Clock, type Logger, StatusError } from "@finial/sdk";
import { type Certificate, generatePrivateKey, PublicKey, toPem } from "@finial/sdk/crypto";
import { every } from "../../kernel/lifecycle/every.ts";
import type { TlsIdentity } from "../../kernel/rpc/tls-listener.ts";
import type { X509SvidIssuer } from "../ca/x509-svid-issuer.ts";
import type { KeyType } from "../facade/keymanager.ts";

const checkEveryMs = 5000;

interface Identity {
  readonly key: KeyObject;
  readonly certificate: Certificate;
  readonly chainDer: readonly Buffer[];
}

export interface ServerIdentityOptions {
  readonly issuer: Pick<X509SvidIssuer, "issueToServer" | "isFromActive">;
  readonly keyType: KeyType;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The server's own X.509-SVID, with a key that lives in this process alone and goes with it. */
export class ServerIdentity {
  readonly #options: ServerIdentityOptions;
  readonly #listeners = new Set<(identity: TlsIdentity) => void>();
  #identity: Identity;

  private constructor(options: ServerIdentityOptions, identity: Identity) {
    this.#options = options;
    this.#identity = identity;
  }

  /** @throws {StatusError} what the issuer throws. */
  static async issue(options: ServerIdentityOptions): Promise<ServerIdentity> {
    return new ServerIdentity(options, await issue(options));
  }

  get tls(): TlsIdentity {
    const { key, chainDer } = this.#identity;
    return {
      keyPem: key.export({ format: "pem", type: "pkcs8" }).toString(),
      chainPem: chainDer.map((der) => toPem("CERTIFICATE", der)).join(""),
    };
  }

  get chainDer(): readonly Buffer[] {
    return this.#identity.chainDer;
  }

  get keyPkcs8Der(): Buffer {
    return this.#identity.key.export({ format: "der", type: "pkcs8" });
  }

  onChange(listener: (identity: TlsIdentity) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Takes a new SVID after half of the old one's life, and when the authority that issued it signs no more: it may have been left
   * because nobody is to trust it for long. Until the signal aborts.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, issuer } = this.#options;
    const rotate = every(
      checkEveryMs,
      async () => {
        try {
          const { certificate } = this.#identity;
          if (clock.now() < halfLife(certificate) && issuer.isFromActive(certificate)) return;
          this.#identity = await issue(this.#options);
          for (const listener of this.#listeners) listener(this.tls);
        } catch (error) {
          logger.error("Could not rotate server SVID", { error: StatusError.from(error).message });
        }
      },
      clock,
    );
    await rotate(signal);
  }
}

async function issue({ issuer, keyType, logger }: ServerIdentityOptions): Promise<Identity> {
  const key = await generatePrivateKey(keyType);
  const { certificate, chainDer } = await issuer.issueToServer(PublicKey.of(key));
  logger.debug("Signed X509 SVID", {
    spiffe_id: certificate.subjectAltName.uris[0],
    expiration: certificate.notAfter.toISOString(),
  });
  return { key, certificate, chainDer };
}

function halfLife({ notBefore, notAfter }: Certificate): Date {
  return new Date((notBefore.getTime() + notAfter.getTime()) / 2);
}
