import { Code, StatusError } from "@finial/sdk";

export const noIdentityReason = "NO_IDENTITY";

/** @see SPIFFE Workload API, section 4.3: PermissionDenied to who has no identity. */
export function noIdentity(): StatusError {
  return new StatusError(Code.PermissionDenied, noIdentityReason, "no identity issued");
}
