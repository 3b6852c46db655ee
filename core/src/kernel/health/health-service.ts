import {
  HealthCheckResponse_ServingStatus,
  type HealthDefinition,
} from "@finial/proto/grpc/health/v1/health";
import { type Clock, Code, StatusError } from "@finial/sdk";
import type { Handlers } from "@finial/sdk/internal";

const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
const watchEveryMs = 1000;

/**
 * The standard health service of a daemon: one answer for the whole, none for services by name.
 *
 * @param check throws when the daemon does not do its work.
 */
export function healthHandlers(
  check: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): Handlers<typeof HealthDefinition> {
  const statusOf = async (signal: AbortSignal): Promise<HealthCheckResponse_ServingStatus> => {
    try {
      await check(signal);
      return SERVING;
    } catch (error) {
      if (signal.aborted) throw error;
      return NOT_SERVING;
    }
  };
  return {
    check: async ({ service }, { signal }) => {
      refuseNames(service);
      return { status: await statusOf(signal) };
    },
    watch: async function* ({ service }, { signal }) {
      refuseNames(service);
      let last: HealthCheckResponse_ServingStatus | undefined;
      while (!signal.aborted) {
        const status = await statusOf(signal);
        if (status !== last) yield { status };
        last = status;
        await clock.sleep(watchEveryMs, { signal });
      }
    },
  };
}

function refuseNames(service: string): void {
  if (service !== "")
    throw new StatusError(
      Code.InvalidArgument,
      "HEALTH_SERVICE_NAME",
      "per-service health is not supported: leave the service name empty",
    );
}
