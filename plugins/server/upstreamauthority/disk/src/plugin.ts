import { randomBytes } from "node:crypto";
import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import { UpstreamAuthority } from "@finial/sdk/server";
import { checkRequest } from "./check-request.ts";
import { type Config, parseConfig } from "./config.ts";
import { loadUpstreamCa } from "./load-upstream-ca.ts";
import { signCa, type UpstreamCa } from "./upstream-ca.ts";

/** UpstreamAuthority "disk": a CA in files, read anew for each request, and kept for when they cannot be read. */
export const plugin: Plugin = definePlugin({
  type: UpstreamAuthority,
  name: "disk",
  parseConfig,
  open: ({ logger, clock }) => {
    let loaded: { readonly config: Config; readonly ca: UpstreamCa } | undefined;

    const reload = async (): Promise<UpstreamCa> => {
      if (loaded === undefined)
        throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
      const { config, ca } = loaded;
      try {
        const fresh = await loadUpstreamCa(config, clock.now());
        // A Configure that came in between has the last word.
        if (loaded.config === config) loaded = { config, ca: fresh };
        return fresh;
      } catch (error) {
        const { message } = StatusError.from(error);
        logger.warn("Upstream CA could not be reloaded; the one loaded before stays in use", {
          error: message,
        });
        return ca;
      }
    };

    return {
      configure: async (config) => {
        loaded = { config, ca: await loadUpstreamCa(config, clock.now()) };
      },
      service: {
        mintX509CAAndSubscribe: async function* ({ csr, preferredTtl }) {
          const ca = await reload();
          const request = await checkRequest(csr, ca.trustDomain);
          const serialNumber = randomBytes(16);
          const asn1 = await signCa(ca, request, {
            ttlSeconds: preferredTtl,
            now: clock.now(),
            serialNumber,
          });
          yield { x509CaChain: [{ asn1 }, ...ca.chain.map(toWire)], upstreamX509Roots: ca.roots.map(toWire) };
        },
        publishJWTKeyAndSubscribe: () => {
          throw unsupported("publishing upstream is unsupported");
        },
        subscribeToLocalBundle: () => {
          throw unsupported("fetching upstream trust bundle is unsupported");
        },
      },
    };
  },
});

function toWire({ der }: Certificate): { readonly asn1: Buffer } {
  return { asn1: der };
}

function unsupported(message: string): StatusError {
  return new StatusError(Code.Unimplemented, "UNSUPPORTED", message);
}
