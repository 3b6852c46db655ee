import { Code } from "@finial/sdk";
import { failure } from "../failure.ts";
import type { BundleCall } from "./service.ts";

/** Throws Unimplemented, as SPIRE does. */
export function publishWitAuthority(): BundleCall<"publishWITAuthority"> {
  return () => {
    throw failure(Code.Unimplemented, "WIT_SVID", "WIT-SVID functionality is not yet implemented");
  };
}
