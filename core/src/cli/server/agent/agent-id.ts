import type { SPIFFEID } from "@finial/proto/api/types/spiffeid";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { text } from "../../flag.ts";
import { usageError } from "../../usage-error.ts";

export const agentIdFlag = text("The agent's own SPIFFE ID");

/** @throws {StatusError} InvalidArgument when it is absent or malformed. */
export function parseAgentId(flag: string): SPIFFEID {
  if (flag === "") throw usageError("a SPIFFE ID is required");
  return toWireSpiffeId(parseSpiffeId(flag));
}
