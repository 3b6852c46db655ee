import type {
  ComposeServerX509CARequest,
  ComposeServerX509SVIDRequest,
  ComposeWorkloadJWTSVIDRequest,
} from "@finial/proto/plugin/server/credentialcomposer/v1/credentialcomposer";
import { decodeConfig, string } from "../../hcl/index.ts";
import { definePlugin } from "../../plugin/define-plugin.ts";
import { CredentialComposer } from "../../server.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import { loadPlugin } from "../load-plugin.ts";
import { credentialComposerContract } from "./credentialcomposer.ts";

function given<T>(attributes: T | undefined): T {
  if (attributes === undefined)
    throw new StatusError(Code.InvalidArgument, "ATTRIBUTES_MISSING", "request missing attributes");
  return attributes;
}

/** @param full also composes CAs and tokens. */
const composer = (full: boolean) =>
  definePlugin({
    type: CredentialComposer,
    name: "test",
    parseConfig: (text) => decodeConfig(text, { path: string() }),
    open: () => ({
      service: {
        composeWorkloadX509SVID: ({ attributes }) => ({
          attributes: {
            ...given(attributes),
            extraExtensions: [{ oid: "1.2.3", value: Buffer.from([5, 0]), critical: false }],
          },
        }),
        ...(full && {
          composeServerX509CA: ({ attributes }: ComposeServerX509CARequest) => ({
            attributes: given(attributes),
          }),
          composeServerX509SVID: ({ attributes }: ComposeServerX509SVIDRequest) => ({
            attributes: given(attributes),
          }),
          composeAgentX509SVID: () => ({}),
          composeWorkloadJWTSVID: ({ attributes }: ComposeWorkloadJWTSVIDRequest) => ({
            attributes: { claims: { ...given(attributes).claims, extra: "yes" } },
          }),
        }),
      },
    }),
  });

for (const full of [false, true])
  credentialComposerContract({ load: () => loadPlugin(composer(full), { config: "" }) });
