import { Code, StatusError } from "@finial/sdk";
import { findDenialReason } from "../../kernel/convert/permission-denied.ts";

/** What an agent does about a server that denies it. */
export type Denial = "reattest" | "shut down";

/** Undefined: it is another failure, or none that the agent can do anything about. */
export function denialOf(error: unknown): Denial | undefined {
  switch (findDenialReason(StatusError.from(error))) {
    case "AGENT_EXPIRED":
    case "AGENT_NOT_ACTIVE":
    case "AGENT_NOT_ATTESTED":
    case "AGENT_MUST_REATTEST":
      return "reattest";
    case "AGENT_BANNED":
      return "shut down";
    case undefined:
      return undefined;
  }
}

/** The server's chain leads to no authority in the agent's bundle. All there is of it is the sentence in a call's status. */
export function isUnknownAuthority(error: unknown): boolean {
  const { code, message } = StatusError.from(error);
  // Another's connection, of which a server that was reached tells, is none of the agent's business.
  return code === Code.Unavailable && message.includes("x509: certificate signed by unknown authority");
}
