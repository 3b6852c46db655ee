import type * as wire from "@finial/proto/plugin/server/datastore/v1/datastore";
import { DeleteBundleRequest_Mode } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { type Bundle, type JwtAuthority, parseTrustDomain, type TrustDomain } from "@finial/sdk/spiffe";
import { fromWireSeconds, toWireSeconds } from "../../kernel/convert/instant.ts";
import type { BundleDeleteMode, DataStore } from "./datastore.ts";
import {
  type Ask,
  answered,
  askForAll,
  distrusted,
  found,
  pageOf,
  partsOf,
  type StoreClient,
  toWirePage,
} from "./store-answers.ts";

type BundleCalls =
  | "findBundle"
  | "listBundles"
  | "countBundles"
  | "createBundle"
  | "setBundle"
  | "updateBundle"
  | "appendBundle"
  | "deleteBundle"
  | "pruneBundle"
  | "taintX509Authority"
  | "revokeX509Authority"
  | "taintJwtAuthority"
  | "revokeJwtAuthority";

const deleteModes: Readonly<Record<BundleDeleteMode, DeleteBundleRequest_Mode>> = {
  restrict: DeleteBundleRequest_Mode.RESTRICT,
  delete: DeleteBundleRequest_Mode.DELETE,
  dissociate: DeleteBundleRequest_Mode.DISSOCIATE,
};

export function storeBundles(ask: Ask): Pick<DataStore, BundleCalls> {
  const write = (
    bundle: Bundle,
    call: (store: StoreClient, wire: wire.Bundle) => Promise<{ readonly bundle: wire.Bundle | undefined }>,
  ): Promise<Bundle> =>
    ask(async (store) => {
      const written = await call(store, toWireBundle(bundle));
      const answer = found(written.bundle, "bundle", fromWireBundle, isOf(bundle.trustDomain));
      if (answer === undefined) throw distrusted("plugin response missing bundle");
      return answer;
    });
  return {
    findBundle: (trustDomain) =>
      ask(async (store) => {
        const { bundle } = await store.fetchBundle({ trustDomain: trustDomain.name });
        return found(bundle, "bundle", fromWireBundle, isOf(trustDomain));
      }),
    listBundles: (page) =>
      askForAll(ask, (store) => {
        const stream = store.listBundles({ page: toWirePage(page) });
        return pageOf(
          page,
          partsOf(stream, ({ bundles }) => bundles.map((each) => answered(each, "bundle", fromWireBundle))),
        );
      }),
    countBundles: () => ask(async (store) => (await store.countBundles({})).count),
    createBundle: (bundle) => write(bundle, (store, wire) => store.createBundle({ bundle: wire })),
    setBundle: (bundle) => write(bundle, (store, wire) => store.setBundle({ bundle: wire })),
    updateBundle: (bundle, mask) =>
      write(bundle, (store, wire) => store.updateBundle({ bundle: wire, mask: mask && toWireMask(mask) })),
    appendBundle: (bundle) => write(bundle, (store, wire) => store.appendBundle({ bundle: wire })),
    deleteBundle: (trustDomain, mode) =>
      ask(async (store) => {
        await store.deleteBundle({ trustDomain: trustDomain.name, mode: deleteModes[mode] });
      }),
    pruneBundle: (trustDomain, expiredBefore) =>
      ask(async (store) => {
        const request = { trustDomain: trustDomain.name, expiredBefore: toWireSeconds(expiredBefore) };
        return (await store.pruneBundle(request)).changed;
      }),
    taintX509Authority: (trustDomain, subjectKeyId) =>
      ask(async (store) => {
        await store.taintX509Authority({ trustDomain: trustDomain.name, subjectKeyId });
      }),
    revokeX509Authority: (trustDomain, subjectKeyId) =>
      ask(async (store) => {
        await store.revokeX509Authority({ trustDomain: trustDomain.name, subjectKeyId });
      }),
    taintJwtAuthority: (trustDomain, keyId) =>
      ask(async (store) => {
        const { jwtAuthority } = await store.taintJwtAuthority({ trustDomain: trustDomain.name, keyId });
        return answered(jwtAuthority, "JWT authority", fromWireJwtAuthority);
      }),
    revokeJwtAuthority: (trustDomain, keyId) =>
      ask(async (store) => {
        const { jwtAuthority } = await store.revokeJwtAuthority({ trustDomain: trustDomain.name, keyId });
        return answered(jwtAuthority, "JWT authority", fromWireJwtAuthority);
      }),
  };
}

function isOf(trustDomain: TrustDomain): (bundle: Bundle) => boolean {
  return (bundle) => bundle.trustDomain.equals(trustDomain);
}

function toWireBundle(bundle: Bundle): wire.Bundle {
  return {
    trustDomain: bundle.trustDomain.name,
    x509Authorities: bundle.x509Authorities.map(({ certificateDer, tainted }) => ({
      asn1: certificateDer,
      tainted,
    })),
    jwtAuthorities: bundle.jwtAuthorities.map(({ keyId, publicKeyPkixDer, expiresAt, tainted }) => ({
      keyId,
      publicKey: publicKeyPkixDer,
      expiresAt: toWireSeconds(expiresAt),
      tainted,
    })),
    refreshHint: bundle.refreshHintSeconds,
    sequenceNumber: bundle.sequenceNumber,
  };
}

function fromWireBundle(bundle: wire.Bundle): Bundle {
  return {
    trustDomain: parseTrustDomain(bundle.trustDomain),
    x509Authorities: bundle.x509Authorities.map(({ asn1, tainted }) => ({ certificateDer: asn1, tainted })),
    jwtAuthorities: bundle.jwtAuthorities.map(fromWireJwtAuthority),
    refreshHintSeconds: bundle.refreshHint,
    sequenceNumber: bundle.sequenceNumber,
  };
}

function fromWireJwtAuthority({ keyId, publicKey, expiresAt, tainted }: wire.JwtAuthority): JwtAuthority {
  return { keyId, publicKeyPkixDer: publicKey, expiresAt: fromWireSeconds(expiresAt), tainted };
}

function toWireMask(mask: NonNullable<Parameters<DataStore["updateBundle"]>[1]>): wire.BundleMask {
  return {
    x509Authorities: mask.has("x509Authorities"),
    jwtAuthorities: mask.has("jwtAuthorities"),
    refreshHint: mask.has("refreshHintSeconds"),
    sequenceNumber: mask.has("sequenceNumber"),
  };
}
