import { UpstreamAuthorityDefinition } from "@finial/proto/plugin/server/upstreamauthority/v1/upstreamauthority";
import { Code, StatusError } from "@finial/sdk";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed, withPluginName } from "../../kernel/catalog/prefixed.ts";
import { toWireJwtKeys } from "../../kernel/convert/jwt-key.ts";
import { distrusted, readJwtKeys, readRoots } from "./plugin-bundle.ts";
import type { UpstreamAuthority } from "./upstreamauthority.ts";

/** Some authorities take their time; but one that never answers must not keep the server from its other work. */
const mintLimitMs = 300_000;
/** After a plugin that has been away for long. */
const openAgainMs = 5000;

/** The UpstreamAuthority port over `spire.plugin.server.upstreamauthority.v1`. */
export function bindUpstreamAuthorityV1({ name, client: clientOf }: BoundPlugin): UpstreamAuthority {
  const plugin = { type: "UpstreamAuthority", name };
  const client = clientOf(UpstreamAuthorityDefinition);
  // At most one stream each: a new question makes the updates of the last one pointless.
  let minting = new AbortController();
  let publishing = new AbortController();

  return {
    name,
    mintX509Ca: (csrDer, { preferredTtlSeconds, onRoots }) =>
      prefixed(plugin, () => {
        minting.abort();
        minting = new AbortController();
        return orClose(minting, async (open) => {
          const request = { csr: csrDer, preferredTtl: preferredTtlSeconds };
          const { signal } = open;
          const stream = client.mintX509CAAndSubscribe(request, { signal })[Symbol.asyncIterator]();
          const { x509CaChain, upstreamX509Roots } = await first(stream, open, mintLimitMs);
          if (x509CaChain.length === 0) throw distrusted("plugin response missing X.509 CA chain");
          const chainDer = x509CaChain.map(({ asn1 }) => asn1);
          const upstreamRoots = readRoots(upstreamX509Roots);
          const take = (update: { readonly upstreamX509Roots: Parameters<typeof readRoots>[0] }): void =>
            onRoots(readRoots(update.upstreamX509Roots));
          // Of a plugin whose process was replaced the updates are had by asking again; the certificate that comes with them is of
          // no use.
          void follow(stream, take, () => client.mintX509CAAndSubscribe(request, { signal }), signal);
          return { chainDer, upstreamRoots };
        });
      }),
    publishJwtKey: (key, { onKeys, limitMs }) =>
      prefixed(plugin, () => {
        publishing.abort();
        publishing = new AbortController();
        return orClose(publishing, async (open) => {
          const [jwtKey] = toWireJwtKeys([key]);
          const { signal } = open;
          const stream = client.publishJWTKeyAndSubscribe({ jwtKey }, { signal })[Symbol.asyncIterator]();
          const { upstreamJwtKeys } = await first(stream, open, limitMs);
          const published = readJwtKeys(upstreamJwtKeys);
          const take = (update: { readonly upstreamJwtKeys: Parameters<typeof readJwtKeys>[0] }): void =>
            onKeys(readJwtKeys(update.upstreamJwtKeys));
          void follow(stream, take, () => client.publishJWTKeyAndSubscribe({ jwtKey }, { signal }), signal);
          return published;
        });
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

/** Work on a stream; without a good first answer the stream is of no use. */
async function orClose<T>(open: AbortController, work: (open: AbortController) => Promise<T>): Promise<T> {
  try {
    return await work(open);
  } catch (error) {
    open.abort();
    throw error;
  }
}

/** The first message, which must come in time. */
async function first<T>(stream: AsyncIterator<T>, open: AbortController, limitMs: number): Promise<T> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    open.abort();
  }, limitMs);
  try {
    const { done, value } = await stream.next();
    if (done) throw distrusted("plugin closed stream unexpectedly");
    return value;
  } catch (error) {
    if (!late) throw error;
    throw new StatusError(
      Code.DeadlineExceeded,
      "UPSTREAM_LATE",
      `upstream authority did not answer within ${limitMs / 1000} seconds`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Later messages until the plugin ends the stream; a malformed one is passed over, and the next may be good. A stream that ended
 * with the plugin's process is opened again, once the plugin is back.
 */
async function follow<T>(
  stream: AsyncIterator<T>,
  take: (update: T) => void,
  open: () => AsyncIterable<T>,
  signal: AbortSignal,
): Promise<void> {
  for (let current = stream; ; current = open()[Symbol.asyncIterator]()) {
    try {
      await takeAll(current, take);
      return;
    } catch (error) {
      const { reason } = StatusError.from(error);
      // The next rotation opens the stream again, and says then what is wrong.
      if (signal.aborted || (reason !== "PLUGIN_EXITED" && reason !== "PLUGIN_AWAY")) return;
      if (reason === "PLUGIN_AWAY") await pause(openAgainMs, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

async function takeAll<T>(stream: AsyncIterator<T>, take: (update: T) => void): Promise<void> {
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return;
    try {
      take(value);
    } catch (error) {
      if (StatusError.from(error).reason !== "PLUGIN_RESPONSE") throw error;
    }
  }
}
