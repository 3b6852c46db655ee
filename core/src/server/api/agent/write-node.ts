import { Code } from "@finial/sdk";
import { isNotFound } from "../../node/attested-nodes.ts";
import { failure } from "../failure.ts";

/** Words a write's failure: NotFound says that the agent is not there, everything else is Internal. */
export async function writeNode(what: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (isNotFound(error)) throw failure(Code.NotFound, "AGENT_NOT_FOUND", "agent not found", error);
    throw failure(Code.Internal, "AGENT_WRITE", what, error);
  }
}
