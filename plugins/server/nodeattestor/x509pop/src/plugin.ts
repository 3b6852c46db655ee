import { randomBytes } from "node:crypto";
import { makeAgentId } from "@finial/plugin-common-agentpathtemplate";
import { encodeChallenge, makeChallenge, verifyResponse } from "@finial/plugin-common-x509pop";
import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { type Certificate, verifyChains } from "@finial/sdk/crypto";
import { NodeAttestor } from "@finial/sdk/server";
import { checkClientIp } from "./client-ip.ts";
import { type Config, parseConfig } from "./config.ts";
import { trimmedSvidPath } from "./exchanged-svid.ts";
import { fetchOwnAnchors, identityProvider } from "./own-anchors.ts";
import { parseChain } from "./parse-chain.ts";
import { sanSelectorsOf } from "./san-selectors.ts";
import { selectorValuesOf } from "./selectors.ts";
import { templateData } from "./template-data.ts";

/** NodeAttestor "x509pop": lets an agent in that holds the key of a certificate below a trusted authority. */
export const plugin: Plugin = definePlugin({
  type: NodeAttestor,
  name: "x509pop",
  parseConfig,
  open: (host) => {
    const { logger, clock } = host;
    let configured: Config | undefined;
    return {
      configure: (config) => {
        if (config.authorities.mode === "spiffe") identityProvider(host);
        configured = config;
      },
      service: {
        attest: async function* (requests, { metadata, signal }) {
          const messages = requests[Symbol.asyncIterator]();
          const first = (await messages.next()).value?.request;
          const config = configured;
          if (config === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          if (first?.$case !== "payload")
            throw new StatusError(Code.InvalidArgument, "PAYLOAD_MISSING", "missing attestation payload");

          const { authorities, trustDomain } = config;
          const chain = parseChain(first.value, config);
          const [leaf] = chain;
          const anchors =
            authorities.mode === "spiffe" ? await fetchOwnAnchors(host, signal) : authorities.anchors;
          const paths = verify(chain, anchors, clock.now());
          if (config.verifyClientIp) checkClientIp(leaf, metadata, logger);

          const challenge = makeChallenge(leaf, randomBytes);
          yield { response: { $case: "challenge", value: encodeChallenge(challenge) } };
          const second = (await messages.next()).value?.request;
          const answer = second?.$case === "challengeResponse" ? second.value : Buffer.alloc(0);
          await verifyResponse(leaf.publicKey.keyObject, challenge, answer);

          const svidPathTrimmed =
            authorities.mode === "spiffe" ? trimmedSvidPath(leaf, authorities.svidPrefix, trustDomain) : "";
          const sanSelectors = sanSelectorsOf(leaf, trustDomain, logger);
          const data = templateData({ trustDomain, leaf, svidPathTrimmed, sanSelectors });
          const value = {
            spiffeId: makeAgentId(trustDomain, config.pathTemplate, data).toString(),
            selectorValues: selectorValuesOf(leaf, paths, sanSelectors),
            canReattest: true,
          };
          yield { response: { $case: "agentAttributes", value } };
        },
      },
    };
  },
});

/** Whatever the certificates are for, as in SPIRE. @throws {StatusError} PermissionDenied. */
function verify(
  chain: readonly Certificate[],
  anchors: readonly Certificate[],
  now: Date,
): readonly (readonly Certificate[])[] {
  try {
    return verifyChains({ chain, anchors, now });
  } catch (error) {
    const { message } = StatusError.from(error);
    throw new StatusError(Code.PermissionDenied, "CHAIN", `certificate verification failed: ${message}`, {
      cause: error,
    });
  }
}
