import { Code } from "@finial/sdk";
import { failure } from "../failure.ts";

/** Workload Identity Tokens are an experiment of SPIRE's, off by default there, too. */
export function witSvidsDisabled(): never {
  throw failure(Code.Unimplemented, "WIT_DISABLED", "WIT functionality is disabled");
}
