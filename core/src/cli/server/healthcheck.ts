import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@finial/proto/grpc/health/v1/health";
import { toggle } from "../flag.ts";
import { messageOf } from "../io.ts";
import { usageError } from "../usage-error.ts";
import { serverCommand } from "./server-command.ts";

export const healthcheck = serverCommand({
  name: "healthcheck",
  synopsis: "Asks a server whether it is well",
  flags: {
    shallow: toggle("A less thorough check; the server makes no difference"),
    verbose: toggle("Tell what is done, and what went wrong"),
  },
  run: async ({ flags, client, say, warn }) => {
    if (flags.verbose) say("Checking server health...");
    const { status } = await client(HealthDefinition)
      .check({})
      .catch((error: unknown) => {
        if (flags.verbose) warn(`Failed to check health: ${messageOf(error)}`);
        throw usageError("server is unhealthy: unable to determine health");
      });
    if (status === ServingStatus.SERVING) {
      say("Server is healthy.");
      return;
    }
    const name = Object.entries(ServingStatus).find(([, value]) => value === status)?.[0] ?? status;
    throw usageError(`server is unhealthy: server returned status "${name}"`);
  },
});
