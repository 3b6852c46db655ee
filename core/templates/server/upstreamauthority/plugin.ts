import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { UpstreamAuthority } from "@finial/sdk/server";
import { type Config, parseConfig } from "./config.ts";
import { signCa } from "./sign-ca.ts";

/** UpstreamAuthority "__NAME__": a root in files. Put the calls of your authority into the place of signCa. */
export const plugin: Plugin = definePlugin({
  type: UpstreamAuthority,
  name: "__NAME__",
  parseConfig,
  open: ({ logger, clock }) => {
    let configured: Config | undefined;
    return {
      configure: (config) => {
        configured = config;
      },
      service: {
        // The stream ends after its first message: this root does not change. One that does goes on with each new set of roots.
        mintX509CAAndSubscribe: async function* ({ csr, preferredTtl }) {
          if (configured === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          const { certificate } = configured;
          const asn1 = await signCa(configured, csr, { ttlSeconds: preferredTtl, now: clock.now() });
          logger.info("Signed a CA certificate");
          yield { x509CaChain: [{ asn1 }], upstreamX509Roots: [{ asn1: certificate.der }] };
        },
      },
    };
  },
});
