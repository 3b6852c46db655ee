import { UpstreamAuthorityDefinition } from "@finial/proto/plugin/server/upstreamauthority/v1/upstreamauthority";
import { Code, StatusError } from "@finial/sdk";
import { createClient } from "@finial/sdk/internal";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed, withPluginName } from "../../kernel/catalog/prefixed.ts";
import { toWireJwtKeys } from "../../kernel/convert/jwt-key.ts";
import { distrusted, readJwtKeys, readRoots } from "./plugin-bundle.ts";
import type { UpstreamAuthority } from "./upstreamauthority.ts";

/** The UpstreamAuthority port over `spire.plugin.server.upstreamauthority.v1`. */
export function bindUpstreamAuthorityV1({ name, channel }: BoundPlugin): UpstreamAuthority {
  const plugin = { type: "UpstreamAuthority", name };
  const client = createClient(UpstreamAuthorityDefinition, channel);
  // At most one stream each: a new question makes the updates of the last one pointless.
  let minting = new AbortController();
  let publishing = new AbortController();

  return {
    name,
    mintX509Ca: (csrDer, { preferredTtlSeconds, onRoots }) =>
      prefixed(plugin, async () => {
        minting.abort();
        minting = new AbortController();
        const request = { csr: csrDer, preferredTtl: preferredTtlSeconds };
        const { signal } = minting;
        const stream = client.mintX509CAAndSubscribe(request, { signal })[Symbol.asyncIterator]();
        const { x509CaChain, upstreamX509Roots } = await first(stream);
        if (x509CaChain.length === 0) throw distrusted("plugin response missing X.509 CA chain");
        const minted = {
          chainDer: x509CaChain.map(({ asn1 }) => asn1),
          upstreamRoots: readRoots(upstreamX509Roots),
        };
        void follow(stream, (update) => onRoots(readRoots(update.upstreamX509Roots)));
        return minted;
      }),
    publishJwtKey: (key, { onKeys, limitMs }) =>
      prefixed(plugin, async () => {
        publishing.abort();
        const current = new AbortController();
        publishing = current;
        const timer = setTimeout(() => current.abort(), limitMs);
        try {
          const [jwtKey] = toWireJwtKeys([key]);
          const request = { jwtKey };
          const stream = client
            .publishJWTKeyAndSubscribe(request, { signal: current.signal })
            [Symbol.asyncIterator]();
          const { upstreamJwtKeys } = await first(stream);
          void follow(stream, (update) => onKeys(readJwtKeys(update.upstreamJwtKeys)));
          return readJwtKeys(upstreamJwtKeys);
        } finally {
          clearTimeout(timer);
        }
      }),
    watchLocalBundle: async function* ({ signal }) {
      try {
        for await (const update of client.subscribeToLocalBundle({}, { signal }))
          yield {
            x509Authorities: readRoots(update.upstreamX509Roots),
            jwtAuthorities: readJwtKeys(update.upstreamJwtKeys),
          };
      } catch (error) {
        if (signal.aborted || StatusError.from(error).code === Code.Unimplemented) return;
        throw withPluginName(plugin, error);
      }
    },
  };
}

async function first<T>(stream: AsyncIterator<T>): Promise<T> {
  const { done, value } = await stream.next();
  if (done) throw distrusted("plugin closed stream unexpectedly");
  return value;
}

/** Later messages until the plugin ends the stream; a malformed one is passed over, and the next may be good. */
async function follow<T>(stream: AsyncIterator<T>, take: (update: T) => void): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await stream.next();
      if (done) return;
      try {
        take(value);
      } catch (error) {
        if (StatusError.from(error).reason !== "PLUGIN_RESPONSE") throw error;
      }
    }
  } catch {
    // The next rotation opens the stream again, and says then what is wrong.
  }
}
