import type { TemplateValue } from "@finial/plugin-common-agentpathtemplate";
import { fingerprintOf, serialNumberHex } from "@finial/plugin-common-x509pop";
import type { Certificate, DistinguishedName } from "@finial/sdk/crypto";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { formatIpAddress } from "./ip-address.ts";

/** Names a template may begin with. */
export const templateFields: ReadonlySet<string> = new Set([
  "PluginName",
  "TrustDomain",
  "Fingerprint",
  "SerialNumberHex",
  "SVIDPathTrimmed",
  "URISanSelectors",
  "Subject",
  "Issuer",
  "SerialNumber",
  "DNSNames",
  "EmailAddresses",
  "IPAddresses",
  "URIs",
  "IsCA",
]);

export interface AgentFacts {
  readonly trustDomain: TrustDomain;
  readonly leaf: Certificate;
  /** Empty in other modes than `spiffe`. */
  readonly svidPathTrimmed: string;
  readonly sanSelectors: ReadonlyMap<string, string>;
}

/** What a template can name, by SPIRE's names and those of Go's x509.Certificate. */
export function templateData(facts: AgentFacts): ReadonlyMap<string, TemplateValue> {
  const { leaf, trustDomain, svidPathTrimmed, sanSelectors } = facts;
  const { dnsNames, emails, ipAddresses, uris } = leaf.subjectAltName;
  return new Map<string, TemplateValue>([
    ["PluginName", "x509pop"],
    ["TrustDomain", trustDomain.name],
    ["Fingerprint", fingerprintOf(leaf)],
    ["SerialNumberHex", serialNumberHex(leaf)],
    ["SVIDPathTrimmed", svidPathTrimmed],
    ["URISanSelectors", sanSelectors],
    ["Subject", nameData(leaf.subject)],
    ["Issuer", nameData(leaf.issuer)],
    ["SerialNumber", String(leaf.serialNumber)],
    ["DNSNames", dnsNames],
    ["EmailAddresses", emails],
    ["IPAddresses", ipAddresses.map(formatIpAddress)],
    ["URIs", uris],
    ["IsCA", leaf.isCa],
  ]);
}

/** As Go's pkix.Name: every field is there, empty if need be. */
function nameData(name: DistinguishedName): ReadonlyMap<string, TemplateValue> {
  return new Map<string, TemplateValue>([
    ["Country", name.country ?? []],
    ["Organization", name.organization ?? []],
    ["OrganizationalUnit", name.organizationalUnit ?? []],
    ["Locality", name.locality ?? []],
    ["Province", name.province ?? []],
    ["StreetAddress", name.streetAddress ?? []],
    ["PostalCode", name.postalCode ?? []],
    ["SerialNumber", name.serialNumber ?? ""],
    ["CommonName", name.commonName ?? ""],
  ]);
}
