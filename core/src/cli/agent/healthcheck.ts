import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@finial/proto/grpc/health/v1/health";
import { command } from "../command.ts";
import { toggle } from "../flag.ts";
import { messageOf } from "../io.ts";
import { clientOf, openSocket } from "../rpc-client.ts";
import { agentSocketPath, socketFlags } from "./agent-socket.ts";

export const healthcheck = command({
  name: "healthcheck",
  synopsis: "Asks an agent whether it is well",
  flags: {
    shallow: toggle("A less thorough check; the agent makes no difference"),
    verbose: toggle("Tell what is done, and what went wrong"),
    ...socketFlags,
  },
  run: async ({ flags, io }) => {
    const unhealthy = (why: string): number => {
      io.stderr.write(`Agent is unhealthy: ${why}\n`);
      return 1;
    };
    if (flags.verbose) io.stdout.write("Checking agent health...\n");
    let status: number;
    try {
      const path = agentSocketPath(flags, io);
      using channel = openSocket(path);
      ({ status } = await clientOf(HealthDefinition, channel, path).check({}));
    } catch (error) {
      if (flags.verbose) io.stderr.write(`Failed to check health: ${messageOf(error)}\n`);
      return unhealthy("unable to determine health");
    }
    if (status !== ServingStatus.SERVING) {
      const name = Object.entries(ServingStatus).find(([, value]) => value === status)?.[0] ?? status;
      return unhealthy(`agent returned status "${name}"`);
    }
    io.stdout.write("Agent is healthy.\n");
    return 0;
  },
});
