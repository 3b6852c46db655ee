import { type Logger, StatusError } from "@finial/sdk";
import { denialOf } from "../sync/denial.ts";
import type { AgentData } from "./agent-data.ts";
import type { AgentSvid } from "./agent-svid.ts";

/**
 * Does what an agent can do about a server that denies it: attests again where its attestor can, else forgets its SVID, so that
 * the next start attests.
 *
 * @throws {StatusError} the error, unless the agent has a new SVID.
 */
export async function answerDenial(
  thrown: unknown,
  options: {
    readonly svid: AgentSvid;
    readonly data: AgentData;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { svid, data, logger, signal } = options;
  const error = StatusError.from(thrown);
  switch (denialOf(error)) {
    case undefined:
      throw error;
    case "shut down":
      logger.warn("Agent is banned: removing SVID and shutting down", { error: error.message });
      deleteSvid(data, logger);
      throw error;
    case "reattest":
      logger.warn("Agent needs to re-attest; will attempt to re-attest", { error: error.message });
  }
  try {
    await svid.reattest(signal);
  } catch (failure) {
    if (signal.aborted) throw failure;
    const { message } = StatusError.from(failure);
    logger.error("Agent failed re-attestation; removing SVID and shutting down", { error: message });
    deleteSvid(data, logger);
    throw error;
  }
}

function deleteSvid(data: AgentData, logger: Logger): void {
  try {
    data.deleteSvid();
  } catch (error) {
    logger.error("Failed to remove SVID", { error: StatusError.from(error).message });
  }
}
