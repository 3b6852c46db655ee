import type { Status } from "@finial/proto/api/types/status";
import { Code, StatusError } from "@finial/sdk";

/** The status of a batch's item that went well: SPIRE says so in words, too. */
export const okStatus: Status = Object.freeze({ code: Code.Ok, message: "OK" });

/** A failure as the status of a batch's item. */
export function toWireStatus(error: unknown): Status {
  const { code, message } = StatusError.from(error);
  return { code, message };
}
