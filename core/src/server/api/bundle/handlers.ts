import type { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import type { Handlers } from "@finial/sdk/internal";
import { appendBundle } from "./append-bundle.ts";
import { batchCreateFederatedBundle } from "./batch-create-federated-bundle.ts";
import { batchDeleteFederatedBundle } from "./batch-delete-federated-bundle.ts";
import { batchSetFederatedBundle } from "./batch-set-federated-bundle.ts";
import { batchUpdateFederatedBundle } from "./batch-update-federated-bundle.ts";
import { countBundles } from "./count-bundles.ts";
import { getBundle } from "./get-bundle.ts";
import { getFederatedBundle } from "./get-federated-bundle.ts";
import { listFederatedBundles } from "./list-federated-bundles.ts";
import { publishJwtAuthority } from "./publish-jwt-authority.ts";
import { publishWitAuthority } from "./publish-wit-authority.ts";
import type { BundleService } from "./service.ts";

export type { BundleService } from "./service.ts";

/** The handlers of `spire.api.server.bundle.v1.Bundle`. */
export function makeBundleHandlers(service: BundleService): Handlers<typeof BundleDefinition> {
  return {
    countBundles: countBundles(service),
    getBundle: getBundle(service),
    appendBundle: appendBundle(service),
    publishJWTAuthority: publishJwtAuthority(service),
    publishWITAuthority: publishWitAuthority(),
    listFederatedBundles: listFederatedBundles(service),
    getFederatedBundle: getFederatedBundle(service),
    batchCreateFederatedBundle: batchCreateFederatedBundle(service),
    batchUpdateFederatedBundle: batchUpdateFederatedBundle(service),
    batchSetFederatedBundle: batchSetFederatedBundle(service),
    batchDeleteFederatedBundle: batchDeleteFederatedBundle(service),
  };
}
