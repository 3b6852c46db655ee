import { Code, type Logger, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import type { Bundle } from "@finial/sdk/spiffe";
import type { CaJournalRecords, JwtKeyRecord, X509CaRecord } from "../../kernel/convert/ca-journal.ts";
import type { KeyManager, ManagedKey } from "../facade/keymanager.ts";
import type { JwtKey, X509Ca } from "./authorities.ts";
import type { Slot, SlotId } from "./slots.ts";

/** Names of the server's keys in its key manager, by kind and slot: SPIRE's. */
export const keyIds = {
  x509Ca: (slot: SlotId): string => `x509-CA-${slot}`,
  jwtKey: (slot: SlotId): string => `JWT-Signer-${slot}`,
} as const;

export interface LoadSlotsOptions {
  readonly records: CaJournalRecords;
  readonly keyManager: KeyManager;
  /** Of the server's own trust domain, if it is there: an authority nobody trusts is of no use. */
  readonly bundle: Bundle | undefined;
  /** With an upstream the bundle holds the upstream's roots, not ours. */
  readonly hasUpstream: boolean;
  readonly now: Date;
  readonly logger: Logger;
}

/** The X.509 authorities that can be taken up again, newest first. */
export async function loadX509CaSlots(options: LoadSlotsOptions): Promise<readonly Slot<X509Ca>[]> {
  const { records, bundle, hasUpstream } = options;
  const trusted = records.x509Cas.filter(
    ({ certificateDer }) =>
      bundle === undefined ||
      hasUpstream ||
      bundle.x509Authorities.some((authority) => authority.certificateDer.equals(certificateDer)),
  );
  return await loadNewestFirst(trusted, options, "X509CA", keyIds.x509Ca, (record, key) => {
    const certificate = Certificate.parse(record.certificateDer);
    if (!certificate.publicKey.equals(key.publicKey)) throw otherKey();
    const upstreamChain = record.upstreamChainDer.map((der) => Certificate.parse(der));
    return { value: { certificate, upstreamChain, key }, upstreamAuthorityId: record.upstreamAuthorityId };
  });
}

/** The JWT authorities that can be taken up again, newest first. */
export async function loadJwtKeySlots(options: LoadSlotsOptions): Promise<readonly Slot<JwtKey>[]> {
  const { records, bundle } = options;
  const trusted = records.jwtKeys.filter(
    ({ kid }) => bundle === undefined || bundle.jwtAuthorities.some(({ keyId }) => keyId === kid),
  );
  return await loadNewestFirst(trusted, options, "JWT key", keyIds.jwtKey, (record, key) => {
    if (!key.publicKey.pkixDer.equals(record.publicKeyPkixDer)) throw otherKey();
    return { value: { kid: record.kid, notAfter: record.notAfter, key }, upstreamAuthorityId: "" };
  });
}

async function loadNewestFirst<T, R extends X509CaRecord | JwtKeyRecord>(
  records: readonly R[],
  { keyManager, now, logger }: LoadSlotsOptions,
  title: string,
  keyId: (slot: SlotId) => string,
  load: (record: R, key: ManagedKey) => { readonly value: T; readonly upstreamAuthorityId: string },
): Promise<readonly Slot<T>[]> {
  const slots: Slot<T>[] = [];
  for (const record of records.toReversed()) {
    const unusable = (error: string): void =>
      logger.warn(`${title} slot unusable`, {
        slot: record.slotId,
        issued_at: record.issuedAt.toISOString(),
        status: record.state,
        local_authority_id: record.authorityId,
        error,
      });
    const { slotId, issuedAt, notAfter, authorityId, state } = record;
    if (slotId !== "A" && slotId !== "B") {
      unusable("no slot id");
      continue;
    }
    if (notAfter < now) {
      unusable("slot expired");
      continue;
    }
    const key = await keyManager.findKey(keyId(slotId));
    if (key === undefined) {
      unusable("no key manager key");
      continue;
    }
    try {
      const authority = { ...load(record, key), issuedAt, notAfter, authorityId };
      slots.push({ id: slotId, authority, state });
    } catch (error) {
      unusable(StatusError.from(error).message);
    }
  }
  return slots;
}

function otherKey(): StatusError {
  return new StatusError(Code.FailedPrecondition, "SLOT_KEY", "public key does not match key manager key");
}
