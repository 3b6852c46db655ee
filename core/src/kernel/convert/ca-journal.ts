import {
  Entries,
  type JWTKeyEntry,
  Status,
  type X509CAEntry,
} from "@finial/proto/private/server/journal/journal";
import { fromWireSeconds, toWireSeconds } from "./instant.ts";

/** Where an authority stands: made, signing, or replaced. */
export type AuthorityState = "unknown" | "prepared" | "active" | "old";

/** What a server remembers of an X.509 authority of its own. */
export interface X509CaRecord {
  /** A or B: which key of the key manager is behind it. */
  readonly slotId: string;
  readonly issuedAt: Date;
  readonly notAfter: Date;
  readonly certificateDer: Buffer;
  readonly upstreamChainDer: readonly Buffer[];
  readonly state: AuthorityState;
  /** Lower-case hex of the subject key id. */
  readonly authorityId: string;
  readonly upstreamAuthorityId: string;
}

/** What a server remembers of a JWT authority of its own. */
export interface JwtKeyRecord {
  readonly slotId: string;
  readonly issuedAt: Date;
  readonly notAfter: Date;
  readonly kid: string;
  readonly publicKeyPkixDer: Buffer;
  readonly state: AuthorityState;
  readonly authorityId: string;
}

/** Oldest first, both. `witKeys` are SPIRE's, carried as they came. */
export interface CaJournalRecords {
  readonly x509Cas: readonly X509CaRecord[];
  readonly jwtKeys: readonly JwtKeyRecord[];
  readonly witKeys: Entries["witKeys"];
}

const states: ReadonlyMap<Status, AuthorityState> = new Map([
  [Status.PREPARED, "prepared"],
  [Status.ACTIVE, "active"],
  [Status.OLD, "old"],
]);
const wireStates: Readonly<Record<AuthorityState, Status>> = {
  unknown: Status.UNKNOWN,
  prepared: Status.PREPARED,
  active: Status.ACTIVE,
  old: Status.OLD,
};
const epoch = new Date(0);

/** @param data protobuf `Entries`, as SPIRE keeps them. Throws what the codec throws for other bytes. */
export function fromWireCaJournal(data: Buffer): CaJournalRecords {
  const { x509CAs, jwtKeys, witKeys } = Entries.decode(data);
  return { x509Cas: x509CAs.map(fromX509Ca), jwtKeys: jwtKeys.map(fromJwtKey), witKeys };
}

export function toWireCaJournal({ x509Cas, jwtKeys, witKeys }: CaJournalRecords): Buffer {
  const wire = Entries.fromPartial({
    x509CAs: x509Cas.map((record) => ({
      slotId: record.slotId,
      issuedAt: toWireSeconds(record.issuedAt),
      certificate: record.certificateDer,
      upstreamChain: [...record.upstreamChainDer],
      status: wireStates[record.state],
      authorityId: record.authorityId,
      notAfter: toWireSeconds(record.notAfter),
      upstreamAuthorityId: record.upstreamAuthorityId,
    })),
    jwtKeys: jwtKeys.map((record) => ({
      slotId: record.slotId,
      issuedAt: toWireSeconds(record.issuedAt),
      notAfter: toWireSeconds(record.notAfter),
      kid: record.kid,
      publicKey: record.publicKeyPkixDer,
      status: wireStates[record.state],
      authorityId: record.authorityId,
    })),
    witKeys,
  });
  return Buffer.from(Entries.encode(wire).finish());
}

function fromX509Ca(wire: X509CAEntry): X509CaRecord {
  return {
    slotId: wire.slotId,
    issuedAt: fromWireSeconds(wire.issuedAt) ?? epoch,
    notAfter: fromWireSeconds(wire.notAfter) ?? epoch,
    certificateDer: wire.certificate,
    upstreamChainDer: wire.upstreamChain,
    state: states.get(wire.status) ?? "unknown",
    authorityId: wire.authorityId,
    upstreamAuthorityId: wire.upstreamAuthorityId,
  };
}

function fromJwtKey(wire: JWTKeyEntry): JwtKeyRecord {
  return {
    slotId: wire.slotId,
    issuedAt: fromWireSeconds(wire.issuedAt) ?? epoch,
    notAfter: fromWireSeconds(wire.notAfter) ?? epoch,
    kid: wire.kid,
    publicKeyPkixDer: wire.publicKey,
    state: states.get(wire.status) ?? "unknown",
    authorityId: wire.authorityId,
  };
}
