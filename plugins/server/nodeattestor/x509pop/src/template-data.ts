import type { TemplateData, TemplateFields, TemplateRecord } from "@finial/plugin-common-agentpathtemplate";
import { fingerprintOf, serialNumberHex } from "@finial/plugin-common-x509pop";
import { type Certificate, type DistinguishedName, formatName } from "@finial/sdk/crypto";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { formatIpAddress } from "./ip-address.ts";

const nameFields: TemplateFields = {
  Country: true,
  Organization: true,
  OrganizationalUnit: true,
  Locality: true,
  Province: true,
  StreetAddress: true,
  PostalCode: true,
  SerialNumber: true,
  CommonName: true,
};

/** What a template can name. */
export const templateFields: TemplateFields = {
  PluginName: true,
  TrustDomain: true,
  Fingerprint: true,
  SerialNumberHex: true,
  SVIDPathTrimmed: true,
  URISanSelectors: true,
  Subject: nameFields,
  Issuer: nameFields,
  SerialNumber: true,
  DNSNames: true,
  EmailAddresses: true,
  IPAddresses: true,
  URIs: true,
  IsCA: true,
};

export interface AgentFacts {
  readonly trustDomain: TrustDomain;
  readonly leaf: Certificate;
  /** Empty in other modes than `spiffe`. */
  readonly svidPathTrimmed: string;
  readonly sanSelectors: ReadonlyMap<string, string>;
}

/** The values of those names, which are SPIRE's and those of Go's x509.Certificate. */
export function templateData(facts: AgentFacts): TemplateRecord {
  const { leaf, trustDomain, svidPathTrimmed, sanSelectors } = facts;
  const { dnsNames, emails, ipAddresses, uris } = leaf.subjectAltName;
  const fields: Readonly<Record<string, TemplateData>> = {
    PluginName: "x509pop",
    TrustDomain: trustDomain.name,
    Fingerprint: fingerprintOf(leaf),
    SerialNumberHex: serialNumberHex(leaf),
    SVIDPathTrimmed: svidPathTrimmed,
    URISanSelectors: sanSelectors,
    Subject: nameData(leaf.subject),
    Issuer: nameData(leaf.issuer),
    SerialNumber: String(leaf.serialNumber),
    DNSNames: dnsNames,
    EmailAddresses: emails,
    IPAddresses: ipAddresses.map(formatIpAddress),
    URIs: uris,
    IsCA: leaf.isCa,
  };
  return { fields };
}

/** As Go's pkix.Name: every field is there, empty if need be. */
function nameData(name: DistinguishedName): TemplateRecord {
  const fields: Readonly<Record<string, TemplateData>> = {
    Country: name.country ?? [],
    Organization: name.organization ?? [],
    OrganizationalUnit: name.organizationalUnit ?? [],
    Locality: name.locality ?? [],
    Province: name.province ?? [],
    StreetAddress: name.streetAddress ?? [],
    PostalCode: name.postalCode ?? [],
    SerialNumber: name.serialNumber ?? "",
    CommonName: name.commonName ?? "",
  };
  return { fields, text: formatName(name) };
}
