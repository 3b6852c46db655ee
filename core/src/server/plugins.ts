import type { Catalog } from "../kernel/catalog/catalog.ts";
import { anyNumber, atMostOne, exactlyOne } from "../kernel/catalog/constraints.ts";
import type { KnownType } from "../kernel/catalog/known-type.ts";
import type { BundlePublisher } from "./facade/bundlepublisher.ts";
import { bindBundlePublisherV1 } from "./facade/bundlepublisher-v1.ts";
import type { CredentialComposer } from "./facade/credentialcomposer.ts";
import { bindCredentialComposerV1 } from "./facade/credentialcomposer-v1.ts";
import type { DataStore } from "./facade/datastore.ts";
import { bindDataStoreV1 } from "./facade/datastore-v1.ts";
import type { KeyManager } from "./facade/keymanager.ts";
import { bindKeyManagerV1 } from "./facade/keymanager-v1.ts";
import type { NodeAttestor } from "./facade/nodeattestor.ts";
import { bindNodeAttestorV1 } from "./facade/nodeattestor-v1.ts";
import type { Notifier } from "./facade/notifier.ts";
import { bindNotifierV1 } from "./facade/notifier-v1.ts";
import type { UpstreamAuthority } from "./facade/upstreamauthority.ts";
import { bindUpstreamAuthorityV1 } from "./facade/upstreamauthority-v1.ts";

const service = (type: string): string => `spire.plugin.server.${type.toLowerCase()}.v1.${type}`;

/** The server's plugin types: how many of each there must be, and what each has to offer. */
export const pluginTypes: Readonly<Record<string, KnownType>> = {
  DataStore: { constraint: exactlyOne, services: ["finial.plugin.server.datastore.v1.DataStore"] },
  KeyManager: {
    constraint: exactlyOne,
    services: [service("KeyManager")],
    extensions: ["finial.plugin.server.keymanager.v1.Signer"],
  },
  NodeAttestor: { constraint: anyNumber, services: [service("NodeAttestor")] },
  UpstreamAuthority: { constraint: atMostOne, services: [service("UpstreamAuthority")] },
  CredentialComposer: { constraint: anyNumber, services: [service("CredentialComposer")] },
  Notifier: { constraint: anyNumber, services: [service("Notifier")] },
  BundlePublisher: { constraint: anyNumber, services: [service("BundlePublisher")] },
};

/** What the server asks of its plugins, bound to the ones there are. */
export interface ServerPlugins {
  readonly store: DataStore;
  readonly keyManager: KeyManager;
  readonly upstream: UpstreamAuthority | undefined;
  readonly nodeAttestors: readonly NodeAttestor[];
  readonly composers: readonly CredentialComposer[];
  readonly notifiers: readonly Notifier[];
  readonly publishers: readonly BundlePublisher[];
}

/** @param stack takes what has to be closed before the plugins are. */
export function bindPlugins(catalog: Catalog, stack: AsyncDisposableStack): ServerPlugins {
  const upstream = catalog.maybeOne("UpstreamAuthority");
  return {
    store: bindDataStoreV1(catalog.one("DataStore")),
    keyManager: stack.use(bindKeyManagerV1(catalog.one("KeyManager"))),
    upstream: upstream && bindUpstreamAuthorityV1(upstream),
    nodeAttestors: catalog.all("NodeAttestor").map(bindNodeAttestorV1),
    composers: catalog.all("CredentialComposer").map(bindCredentialComposerV1),
    notifiers: catalog.all("Notifier").map(bindNotifierV1),
    publishers: catalog.all("BundlePublisher").map(bindBundlePublisherV1),
  };
}
