import { type KeyObject, sign } from "node:crypto";
import { Code, type Logger, StatusError } from "@finial/sdk";
import {
  Certificate,
  createCertificateRequest,
  generatePrivateKey,
  type KeyPairType,
  PublicKey,
} from "@finial/sdk/crypto";
import { type SpiffeId, x509SvidId } from "@finial/sdk/spiffe";
import type { CachedX509Svid, Identity } from "../cache/workload-update.ts";
import type { EntryCache, StaleEntry } from "./entry-cache.ts";
import { RequestSize } from "./request-size.ts";
import type { RotationPolicy } from "./rotation.ts";
import type { CallSignal, ServerApi } from "./server-api.ts";

/** The most that a server signs for one address in a second, and takes in one call. */
const maxRequests = 500;

export interface X509SvidRenewerOptions {
  readonly api: Pick<ServerApi, "newX509Svids">;
  readonly keyType: KeyPairType;
  readonly rotation: RotationPolicy;
  readonly logger: Logger;
}

/** Has X.509-SVIDs issued for entries that need one, one call at a time. */
export class X509SvidRenewer {
  readonly #options: X509SvidRenewerOptions;
  readonly #size = new RequestSize(maxRequests);
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: X509SvidRenewerOptions) {
    this.#options = options;
  }

  /** As many of the cache's stale entries as go into one call; the others wait for the next. */
  renew(cache: EntryCache, options: CallSignal): Promise<void> {
    const turn = this.#last.then(() => this.#renew(cache, options));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #renew(cache: EntryCache, { signal }: CallSignal): Promise<void> {
    const stale = cache.staleEntries();
    if (stale.length === 0) return;
    const { api, logger } = this.#options;
    logger.debug("Renewing stale entries", { count: stale.length, limit: this.#size.current });
    const some = stale.slice(0, this.#size.current);
    const keys = new Map<string, KeyObject>();
    const requests = await Promise.all(some.map((entry) => this.#request(entry, keys)));
    let chains: Awaited<ReturnType<ServerApi["newX509Svids"]>>;
    try {
      chains = await api.newX509Svids(requests, { signal });
    } catch (error) {
      this.#size.failed();
      throw error;
    }
    this.#size.succeeded();
    const identities: Identity[] = [];
    for (const { entry } of some) {
      const chainDer = chains.get(entry.id);
      const privateKey = keys.get(entry.id);
      if (chainDer === undefined || privateKey === undefined) continue;
      const fields = { spiffe_id: entry.spiffeId.toString(), entry_id: entry.id };
      try {
        const svid = checkedSvid(chainDer, privateKey, entry.spiffeId);
        identities.push({ entry, svid });
        if (this.#options.rotation.missesTarget(svid.leaf))
          logger.warn(
            "X509 SVID lifetime isn't long enough to guarantee the availability_target, falling back to the default rotation strategy",
            fields,
          );
      } catch (error) {
        logger.error("Received malformed X509 SVID from SPIRE server", {
          ...fields,
          error: StatusError.from(error).message,
        });
      }
    }
    cache.updateSvids(identities);
  }

  async #request({ entry, expiresAt }: StaleEntry, keys: Map<string, KeyObject>) {
    const { logger, keyType } = this.#options;
    logger.info(expiresAt === undefined ? "Creating X509-SVID" : "Renewing X509-SVID", {
      spiffe_id: entry.spiffeId.toString(),
      entry_id: entry.id,
      ...(expiresAt && { expires_at: expiresAt.toISOString().replace(/\.\d+Z$/, "Z") }),
    });
    const privateKey = await generatePrivateKey(keyType);
    keys.set(entry.id, privateKey);
    const csrDer = await createCertificateRequest({
      publicKey: PublicKey.of(privateKey),
      subject: { country: ["US"], organization: ["SPIRE"] },
      uris: [entry.spiffeId.toString()],
      sign: (message, hash) =>
        new Promise((resolve, reject) =>
          sign(hash, message, privateKey, (error, signature) => (error ? reject(error) : resolve(signature))),
        ),
    });
    return { entryId: entry.id, csrDer };
  }
}

/** @throws {StatusError} unless the chain is for this key and ID. */
function checkedSvid(chainDer: readonly Buffer[], privateKey: KeyObject, spiffeId: SpiffeId): CachedX509Svid {
  const [leaf] = chainDer.map((der) => Certificate.parse(der));
  if (leaf === undefined) throw refused("empty SVID cert chain");
  const id = x509SvidId(leaf);
  if (!id.equals(spiffeId)) throw refused(`the SVID is for "${id}"`);
  if (!leaf.pkixDer.equals(PublicKey.of(privateKey).pkixDer)) throw refused("the SVID is for another key");
  return { leaf, chainDer, keyPkcs8Der: privateKey.export({ format: "der", type: "pkcs8" }) };
}

function refused(message: string): StatusError {
  return new StatusError(Code.Internal, "X509_SVID_RESPONSE", message);
}
