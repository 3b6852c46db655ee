import { GRPCStdioDefinition } from "@finial/proto/goplugin/stdio";
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@finial/proto/grpc/health/v1/health";
import { systemClock as clock, codeName, StatusError } from "@finial/sdk";
import { within } from "../kernel/lifecycle/within.ts";
import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import { Flaw } from "./flaw.ts";
import { quote, requirePrivate } from "./handshake.ts";

/** A stream that is refused is refused at once. */
const streamGraceMs = 500;

/** From the start of the process to the streams that stay open for life. */
export function handshakeChecks(bench: Bench): readonly Check[] {
  return [
    {
      name: "cookie",
      title: "refuses to run without its cookie",
      run: () => requireCookieCheck(bench),
    },
    {
      name: "handshake",
      title: "says in one line where it listens",
      isNecessary: true,
      run: async () => {
        await bench.session();
      },
    },
    {
      name: "socket",
      title: "listens where other users cannot connect",
      run: async () => requirePrivate({ address: (await bench.session()).socket }),
    },
    {
      name: "grpc",
      title: 'speaks gRPC, and serves the health of "plugin"',
      isNecessary: true,
      run: () => requireHealth(bench),
    },
    { name: "broker", title: "keeps go-plugin's broker stream open", run: () => requireBroker(bench) },
    { name: "stdio", title: "offers go-plugin's stdio stream", run: () => requireStdio(bench) },
  ];
}

async function requireCookieCheck({ lab }: Bench): Promise<void> {
  await using probe = await lab.probe({ cookie: false });
  const line = await probe.untilLine(lab.patienceMs);
  if (line === undefined && (await probe.endsWithin(Math.min(lab.patienceMs, 5000)))) {
    const { code } = await probe.exited;
    if (code !== 0) return;
    throw new Flaw({
      reason: "COOKIE_STATUS",
      what: "without its cookie the plugin ends with status 0.",
      why: "Whoever starts it by mistake takes that for success.",
      mend: "End with a status of 1, after a sentence on standard error.",
    });
  }
  throw new Flaw({
    reason: "COOKIE_UNCHECKED",
    what: `without its cookie the plugin runs all the same${line === undefined ? "" : `, and says ${quote(line)}`}.`,
    why: "The cookie tells a plugin that a host has started it, and of which type it is; without it, it would wait forever for a host that is not there.",
    mend: `End with status 1 unless the environment variable ${lab.cookie ?? "of the plugin type's name"} has its own name as its value.`,
  });
}

async function requireHealth(bench: Bench): Promise<void> {
  const session = await bench.session();
  const call = session.client(HealthDefinition).check({ service: "plugin" }, session.deadline);
  const outcome = await session.answer("the health check", call).catch((error: unknown) => {
    if (error instanceof Flaw) throw error;
    return StatusError.from(error);
  });
  const missing = outcome instanceof StatusError;
  if (!missing && outcome.status === ServingStatus.SERVING) return;
  throw new Flaw({
    reason: "NO_HEALTH",
    what: missing
      ? `the health check of "plugin" fails with ${codeName(outcome.code)}.`
      : 'the health check of "plugin" does not answer SERVING.',
    why: "go-plugin asks it when it pings a plugin, and takes one that does not answer for dead.",
    mend: 'Add the service grpc.health.v1.Health and set the status of "plugin" to SERVING.',
  });
}

async function requireBroker(bench: Bench): Promise<void> {
  const session = await bench.session();
  await clock.sleep(streamGraceMs);
  const end = session.brokerEnd;
  if (end === undefined) return;
  await session.requireAlive("the broker's stream", "");
  throw new Flaw({
    reason: "NO_BROKER",
    what:
      end === "ended"
        ? "the plugin closes the broker's stream at once."
        : `the broker's stream ends with ${codeName(end.code)}: ${end.message}.`,
    why: "On it the host says where its own services listen: without, the plugin never reaches them.",
    mend: "Serve plugin.GRPCBroker: read StartStream for as long as it is open, and remember the address of service_id 1.",
  });
}

async function requireStdio(bench: Bench): Promise<void> {
  const session = await bench.session();
  const stop = new AbortController();
  const stream = session.client(GRPCStdioDefinition).streamStdio({}, { signal: stop.signal });
  const drained = Array.fromAsync(stream).then(
    () => undefined,
    (error: unknown) => StatusError.from(error),
  );
  const failure = await within(drained, streamGraceMs, { clock });
  stop.abort();
  if (failure === undefined) return;
  await session.requireAlive("the stdio stream", "");
  throw new Flaw({
    reason: "NO_STDIO",
    what: `the stdio stream ends with ${codeName(failure.code)}: ${failure.message}.`,
    why: "Hosts open it at once; some log an error for each plugin that does not have it.",
    mend: "Serve plugin.GRPCStdio: StreamStdio may send nothing, and stays open.",
  });
}
