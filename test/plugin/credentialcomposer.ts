import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { CredentialComposer } from "@finial/sdk/server";
import { PluginRecord, parseConfig } from "./record.ts";

/** Puts the word of its configuration into all that is issued. */
export const credentialComposer: Plugin = definePlugin({
  type: CredentialComposer,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        composeServerX509CA: ({ attributes }) => {
          const { word } = record.asked("ComposeServerX509CA");
          return { attributes: named(attributes, word) };
        },
        composeServerX509SVID: ({ attributes }) => {
          const { word } = record.asked("ComposeServerX509SVID");
          return { attributes: named(attributes, word) };
        },
        composeAgentX509SVID: ({ attributes, spiffeId, publicKey }) => {
          const { word } = record.asked("ComposeAgentX509SVID", spiffeId, publicKey.length > 0);
          return { attributes: named(attributes, word) };
        },
        composeWorkloadX509SVID: ({ attributes, spiffeId, publicKey }) => {
          const { word } = record.asked("ComposeWorkloadX509SVID", spiffeId, publicKey.length > 0);
          return { attributes: named(attributes, word) };
        },
        composeWorkloadJWTSVID: ({ attributes, spiffeId }) => {
          const { word } = record.asked("ComposeWorkloadJWTSVID", spiffeId);
          return { attributes: { claims: { ...attributes?.claims, word } } };
        },
      },
    };
  },
});

interface Named {
  readonly subject: { readonly organizationalUnit: string[] } | undefined;
}

function named<T extends Named>(attributes: T | undefined, word: string): T {
  if (attributes?.subject === undefined)
    throw new StatusError(Code.InvalidArgument, "ATTRIBUTES_MISSING", "the host gave no attributes");
  const { subject } = attributes;
  return {
    ...attributes,
    subject: { ...subject, organizationalUnit: [...subject.organizationalUnit, word] },
  };
}
