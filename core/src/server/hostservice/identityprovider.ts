import { IdentityProviderDefinition } from "@finial/proto/plugin/hostservice/server/identityprovider/v1/identityprovider";
import type { Handlers } from "@finial/sdk/internal";
import type { Bundle } from "@finial/sdk/spiffe";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import type { HostService } from "../../kernel/pluginhost/host-services.ts";
import type { Later } from "./later.ts";

/** The server's own identity, for plugins that speak to others in its name. */
export interface IdentitySource {
  readonly findBundle: () => Promise<Bundle | undefined>;
  readonly identity: () => { readonly chainDer: readonly Buffer[]; readonly keyPkcs8Der: Buffer };
}

/** Gives plugins the server's X.509-SVID with its key, and the trust bundle. Not ready before the server has an SVID. */
export function identityProviderService(
  source: Later<IdentitySource>,
): HostService<typeof IdentityProviderDefinition> {
  const handlers: Handlers<typeof IdentityProviderDefinition> = {
    fetchX509Identity: async () => {
      const { findBundle, identity } = source.get("IdentityProvider");
      const { chainDer, keyPkcs8Der } = identity();
      const bundle = await findBundle();
      return {
        identity: { certChain: [...chainDer], privateKey: keyPkcs8Der },
        bundle: bundle && toWireBundle(bundle),
      };
    },
  };
  return { definition: IdentityProviderDefinition, handlersFor: () => handlers };
}
