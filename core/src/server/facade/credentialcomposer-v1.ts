import {
  CredentialComposerDefinition,
  type X509CAAttributes as WireCaAttributes,
  type DistinguishedName as WireName,
  type X509SVIDAttributes as WireSvidAttributes,
} from "@finial/proto/plugin/server/credentialcomposer/v1/credentialcomposer";
import { Code, type PartialMessage, StatusError } from "@finial/sdk";
import type { DistinguishedName } from "@finial/sdk/crypto";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import type {
  CredentialComposer,
  JwtClaims,
  X509CaAttributes,
  X509SvidAttributes,
} from "./credentialcomposer.ts";
import { distrusted } from "./plugin-bundle.ts";

/** The CredentialComposer port over `spire.plugin.server.credentialcomposer.v1`. A method the plugin lacks changes nothing. */
export function bindCredentialComposerV1({ name, client: clientOf }: BoundPlugin): CredentialComposer {
  const client = clientOf(CredentialComposerDefinition);

  const compose = async <T, W>(
    unchanged: T,
    ask: () => Promise<{ readonly attributes: W | undefined }>,
    read: (attributes: W) => T,
  ): Promise<T> =>
    await prefixed({ type: "CredentialComposer", name }, async () => {
      try {
        const { attributes } = await ask();
        return attributes === undefined ? unchanged : read(attributes);
      } catch (error) {
        if (StatusError.from(error).code === Code.Unimplemented) return unchanged;
        throw error;
      }
    });

  return {
    name,
    composeServerX509Ca: (attributes) =>
      compose(attributes, () => client.composeServerX509CA({ attributes: toWireCa(attributes) }), fromWireCa),
    composeServerX509Svid: (attributes) =>
      compose(
        attributes,
        () => client.composeServerX509SVID({ attributes: toWireSvid(attributes) }),
        fromWireSvid,
      ),
    composeAgentX509Svid: (attributes, spiffeId, publicKey) =>
      compose(
        attributes,
        () =>
          client.composeAgentX509SVID({
            attributes: toWireSvid(attributes),
            spiffeId: spiffeId.toString(),
            publicKey: publicKey.pkixDer,
          }),
        fromWireSvid,
      ),
    composeWorkloadX509Svid: (attributes, spiffeId, publicKey) =>
      compose(
        attributes,
        () =>
          client.composeWorkloadX509SVID({
            attributes: toWireSvid(attributes),
            spiffeId: spiffeId.toString(),
            publicKey: publicKey.pkixDer,
          }),
        fromWireSvid,
      ),
    composeWorkloadJwtSvid: (claims, spiffeId) =>
      compose<JwtClaims, { readonly claims: JwtClaims | undefined }>(
        claims,
        () =>
          client.composeWorkloadJWTSVID({
            attributes: { claims: { ...claims } },
            spiffeId: spiffeId.toString(),
          }),
        ({ claims: composed }) => {
          if (composed === undefined)
            throw distrusted("plugin returned invalid workload JWT-SVID attributes: claims: cannot be empty");
          return composed;
        },
      ),
  };
}

function toWireCa(attributes: X509CaAttributes): PartialMessage<WireCaAttributes> {
  const { subject, policyIdentifiers, extraExtensions } = attributes;
  return { subject: toWireName(subject), policyIdentifiers, extraExtensions };
}

function fromWireCa(wire: WireCaAttributes): X509CaAttributes {
  const { policyIdentifiers, extraExtensions } = wire;
  return { subject: fromWireName(wire.subject, "X509 CA"), policyIdentifiers, extraExtensions };
}

function toWireSvid(attributes: X509SvidAttributes): PartialMessage<WireSvidAttributes> {
  const { subject, dnsNames, extraExtensions } = attributes;
  return { subject: toWireName(subject), dnsSans: dnsNames, extraExtensions };
}

function fromWireSvid(wire: WireSvidAttributes): X509SvidAttributes {
  const { dnsSans, extraExtensions } = wire;
  return { subject: fromWireName(wire.subject, "X509 SVID"), dnsNames: dnsSans, extraExtensions };
}

function toWireName(name: DistinguishedName): PartialMessage<WireName> {
  return {
    ...name,
    extraNames: name.extraNames?.map(({ oid, value }) => ({ oid, stringValue: value })) ?? [],
  };
}

function fromWireName(wire: WireName | undefined, what: string): DistinguishedName {
  if (wire === undefined)
    throw distrusted(`plugin returned invalid ${what} attributes: subject: cannot be empty`);
  const { extraNames, serialNumber, commonName, ...lists } = wire;
  return {
    ...lists,
    ...(serialNumber !== "" && { serialNumber }),
    ...(commonName !== "" && { commonName }),
    extraNames: extraNames.map(({ oid, stringValue }) => ({ oid, value: stringValue })),
  };
}
