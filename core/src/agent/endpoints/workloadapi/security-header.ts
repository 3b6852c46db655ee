import { Code, StatusError } from "@finial/sdk";
import type { Interceptor } from "@finial/sdk/internal";

/**
 * Refuses calls without `workload.spiffe.io: true`: who can only make the agent's host send a request cannot set it.
 *
 * @see SPIFFE Workload Endpoint, section 3
 */
export const requireSecurityHeader: Interceptor = async (context, next) => {
  const values = context.metadata.get("workload.spiffe.io");
  if (values.length !== 1 || values[0] !== "true")
    throw new StatusError(Code.InvalidArgument, "SECURITY_HEADER", "security header missing from request");
  await next();
};
