import type { ConfigDefinition, ConfigureRequest } from "@finial/proto/plugin/service/config/v1/config";
import type { Handlers } from "../rpc/service.ts";
import { parseTrustDomain } from "../spiffe/parse-trust-domain.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { CoreConfig, Plugin } from "./define-plugin.ts";

/**
 * The Config service of a plugin: the same parsing for both verbs.
 *
 * @param apply hands a checked configuration to the open plugin.
 * @see spire.service.common.config.v1
 */
export function configHandlers(
  parse: NonNullable<Plugin["parseConfig"]>,
  apply: (config: unknown) => Promise<void>,
): Handlers<typeof ConfigDefinition> {
  const read = (request: ConfigureRequest): unknown => parse(request.hclConfiguration, coreOf(request));
  return {
    configure: async (request) => {
      await apply(read(request));
      return {};
    },
    validate: (request) => {
      try {
        read(request);
        return { valid: true, notes: [] };
      } catch (error) {
        const status = StatusError.from(error);
        if (status.code !== Code.InvalidArgument) throw status;
        return { valid: false, notes: status.message.split("\n") };
      }
    },
  };
}

function coreOf({ coreConfiguration }: ConfigureRequest): CoreConfig {
  const refused = (message: string): StatusError =>
    new StatusError(Code.InvalidArgument, "CORE_CONFIGURATION", message);
  if (coreConfiguration === undefined) throw refused("server core configuration is required");
  if (coreConfiguration.trustDomain === "")
    throw refused("server core configuration must contain trust_domain");
  try {
    return { trustDomain: parseTrustDomain(coreConfiguration.trustDomain) };
  } catch (error) {
    throw refused(`server core configuration trust_domain is malformed: ${StatusError.from(error).message}`);
  }
}
