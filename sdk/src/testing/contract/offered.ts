import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";

/** What a plugin answers; undefined from one that does not offer the RPC. */
export async function offered<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (StatusError.from(error).code === Code.Unimplemented) return undefined;
    throw error;
  }
}
