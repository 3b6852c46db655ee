import { AgentPathTemplate, TemplateError } from "@finial/plugin-common-agentpathtemplate";
import { loadCertificates } from "@finial/plugin-common-x509pop";
import { Code, type CoreConfig, StatusError } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import { bool, type Decoded, decodeConfig, int, string, strings } from "@finial/sdk/hcl";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { templateFields } from "./template-data.ts";

export interface Config {
  readonly trustDomain: TrustDomain;
  readonly authorities: Authorities;
  readonly pathTemplate: AgentPathTemplate;
  readonly maxIntermediates: number;
  readonly maxRsaKeyBits: number;
  /** Whether the agent's address must be one of the certificate's. */
  readonly verifyClientIp: boolean;
}

/** Who may vouch for an agent. */
export type Authorities =
  | { readonly mode: "external_pki"; readonly anchors: readonly Certificate[] }
  /** The trust domain's own authorities, and only for IDs below the prefix, which ends with "/". */
  | { readonly mode: "spiffe"; readonly svidPrefix: string };

const fields = {
  mode: string({ default: "external_pki" }),
  spiffe_prefix: string(),
  svid_prefix: string(),
  ca_bundle_path: string({ default: "" }),
  ca_bundle_paths: strings(),
  agent_path_template: string({ default: "" }),
  max_intermediates: int({ default: 4 }),
  max_rsa_key_size: int({ default: 8192 }),
  verify_client_ip: bool({ default: false }),
};

const defaultTemplates = {
  external_pki: "/{{ .PluginName }}/{{ .Fingerprint }}",
  spiffe: "/{{ .PluginName }}/{{ .SVIDPathTrimmed }}",
};

/**
 * Reads the configuration, and the certificates it names.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string, { trustDomain }: CoreConfig): Config {
  const given = decodeConfig(text, fields, { filename: "plugin_data" });
  const problems: string[] = [];
  const mode = given.mode === "" ? "external_pki" : given.mode;
  if (mode !== "external_pki" && mode !== "spiffe")
    throw invalid(["mode can only be either spiffe or external_pki"]);
  const authorities = mode === "spiffe" ? ownAuthorities(given, problems) : externalPki(given, problems);
  const template = given.agent_path_template || defaultTemplates[mode];
  const pathTemplate = parseTemplate(template, problems);
  for (const key of ["max_intermediates", "max_rsa_key_size"] as const)
    if (given[key] <= 0) problems.push(`${key} must be greater than 0`);
  if (problems.length > 0 || pathTemplate === undefined) throw invalid(problems);
  return {
    trustDomain,
    authorities,
    pathTemplate,
    maxIntermediates: given.max_intermediates,
    maxRsaKeyBits: given.max_rsa_key_size,
    verifyClientIp: given.verify_client_ip,
  };
}

type Given = Decoded<typeof fields>;

function externalPki({ ca_bundle_path, ca_bundle_paths }: Given, problems: string[]): Authorities {
  if (ca_bundle_path !== "" && ca_bundle_paths.length > 0)
    problems.push("only one of ca_bundle_path or ca_bundle_paths can be configured, not both");
  const paths = ca_bundle_path === "" ? ca_bundle_paths : [ca_bundle_path];
  if (paths.length === 0) problems.push("one of ca_bundle_path or ca_bundle_paths must be configured");
  const anchors = paths.flatMap((path) => {
    try {
      return loadCertificates(path);
    } catch (error) {
      const { message } = StatusError.from(error);
      problems.push(`unable to load trust bundle ${JSON.stringify(path)}: ${message}`);
      return [];
    }
  });
  return { mode: "external_pki", anchors };
}

function ownAuthorities(given: Given, problems: string[]): Authorities {
  if (given.ca_bundle_path !== "" || given.ca_bundle_paths.length > 0)
    problems.push("you can not use ca_bundle_path or ca_bundle_paths in spiffe mode");
  // SPIRE obeys the first and documents the second.
  const { spiffe_prefix, svid_prefix } = given;
  if (spiffe_prefix !== undefined && svid_prefix !== undefined && spiffe_prefix !== svid_prefix)
    problems.push("spiffe_prefix and svid_prefix are the same key by two names, and differ");
  const prefix = spiffe_prefix ?? svid_prefix ?? "/spire-exchange/";
  return { mode: "spiffe", svidPrefix: prefix.endsWith("/") ? prefix : `${prefix}/` };
}

function parseTemplate(template: string, problems: string[]): AgentPathTemplate | undefined {
  try {
    return AgentPathTemplate.parse(template, templateFields);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    problems.push(`failed to parse agent svid template: ${JSON.stringify(template)}: ${error.message}`);
    return undefined;
  }
}

function invalid(problems: readonly string[]): StatusError {
  return new StatusError(Code.InvalidArgument, "CONFIG_INVALID", problems.join("\n"));
}
