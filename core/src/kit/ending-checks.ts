import { existsSync } from "node:fs";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { Code, systemClock as clock, StatusError } from "@finial/sdk";
import { pluginLimits } from "../kernel/pluginhost/limits.ts";
import { describeExit, withParentDeathSignal } from "../kernel/pluginhost/plugin-process.ts";
import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import { Flaw, NotHere } from "./flaw.ts";
import { requireHandshake, requireNothingElse } from "./handshake.ts";
import { endProcesses, findProcesses, type Leftover } from "./leftovers.ts";
import { Probe } from "./probe.ts";
import type { Session } from "./session.ts";

/** The end of a process takes its time on a busy machine. */
const leftoverGraceMs = 5000;

/** How a plugin ends: asked for, and when its host is gone. */
export function endingChecks(bench: Bench): readonly Check[] {
  return [
    { name: "stdout", title: "says nothing else on standard output", run: () => requireSilence(bench) },
    { name: "deinit", title: "answers Deinit", run: () => requireDeinit(bench) },
    {
      name: "shutdown",
      title: `ends within ${pluginLimits.exitMs / 1000} s of go-plugin's Shutdown`,
      run: () => requireShutdown(bench),
    },
    { name: "nothing-left", title: "leaves no process and no socket", run: () => requireNothingLeft(bench) },
    { name: "host-killed", title: "ends with a host that was killed", run: () => requireEndWithHost(bench) },
  ];
}

async function requireSilence(bench: Bench): Promise<void> {
  requireNothingElse((await bench.configured()).probe);
}

async function requireDeinit(bench: Bench): Promise<void> {
  const session = await bench.configured();
  const call = session
    .client(InitDefinition)
    .deinit({}, { deadlineMs: Math.min(pluginLimits.deinitMs, bench.lab.patienceMs) });
  try {
    await session.answer("Deinit", call);
  } catch (error) {
    if (error instanceof Flaw) throw error;
    const { code, message } = StatusError.from(error);
    throw new Flaw({
      reason: "DEINIT",
      what: `Deinit fails: ${message}.`,
      why:
        code === Code.Unimplemented
          ? "Hosts pass over that of old plugins; a new one has no chance to let go of what it holds."
          : "The host logs it as an error, each time it ends.",
      mend: "Answer Deinit with an empty message, after whatever has to be closed.",
    });
  }
}

async function requireShutdown(bench: Bench): Promise<void> {
  const session = await bench.configured();
  const { probe } = session;
  const isKnown = await session.shutdown(pluginLimits.shutdownMs);
  const hasEnded = await probe.endsWithin(pluginLimits.exitMs);
  if (!isKnown)
    throw new Flaw({
      reason: "NO_CONTROLLER",
      what: "the plugin does not offer plugin.GRPCController.",
      why: `The host asks it to end by that service; without, every stop takes ${pluginLimits.exitMs / 1000} s more and ends with SIGKILL.`,
      mend: "Serve plugin.GRPCController: Shutdown answers and ends the process.",
    });
  if (!hasEnded)
    throw new Flaw({
      reason: "SHUTDOWN_HANG",
      what: `${pluginLimits.exitMs / 1000} s after Shutdown the plugin still runs.`,
      why: "The host kills it then: what it had not written is lost, and each stop of the daemon takes that much longer.",
      mend: "End the process from the handler, a moment after the answer: a server that stops gracefully waits for go-plugin's streams, which never end.",
    });
  const exit = await probe.exited;
  if (exit.code === 0) return;
  throw new Flaw({
    reason: "EXIT_STATUS",
    what: `after Shutdown the plugin ends with ${describeExit(exit)}${probe.lastWords === "" ? "" : `; its last words: ${probe.lastWords}`}.`,
    why: "An end that was asked for looks like a crash in the log.",
    mend: "End with status 0.",
  });
}

async function requireNothingLeft(bench: Bench): Promise<void> {
  await using session = await endedByRequest(bench);
  if (!session.probe.hasEnded) throw new NotHere("it does not end when it is asked to");
  if (existsSync(session.socket))
    throw new Flaw({
      reason: "SOCKET_LEFT",
      what: `the plugin has ended and left its socket, ${session.socket}.`,
      why: "Under a host that gives it no folder of its own, one more file stays in the temporary folder with each run.",
      mend: "Remove the socket at the end of the process.",
    });
  await requireNobody(bench, "the plugin has ended");
}

/** A process of its own, asked to end; one that does not end is another check's. */
async function endedByRequest(bench: Bench): Promise<Session> {
  await bench.end();
  const session = await bench.configured();
  await session.shutdown(pluginLimits.shutdownMs);
  await session.probe.endsWithin(pluginLimits.exitMs);
  return session;
}

async function requireNobody(bench: Bench, when: string): Promise<void> {
  const until = performance.now() + leftoverGraceMs;
  let left: readonly Leftover[] = [];
  do {
    left = findProcesses(bench.lab.mark);
    if (left.length === 0) return;
    await clock.sleep(100);
  } while (performance.now() < until);
  endProcesses(bench.lab.mark);
  throw new Flaw({
    reason: "PROCESS_LEFT",
    what: `${when}, and ${left.map(({ pid, command }) => `process ${pid} (${command})`).join(", ")} still ${left.length === 1 ? "runs" : "run"}.`,
    why: "It keeps what it holds, such as keys and connections, and nobody ends it any more.",
    mend: 'A script that starts the real program has to "exec" it; a program that starts others has to end them, also when its own parent is gone.',
  });
}

/** Kills a host of the plugin's, as the kernel may at any time. */
async function requireEndWithHost(bench: Bench): Promise<void> {
  await bench.end();
  const { lab } = bench;
  const { file, args, isPackage } = lab.target;
  const [program, words] = withParentDeathSignal({ file, args });
  // A process between us and the plugin, that passes its output on; its own input is the plugin's lifeline.
  const script = `require("node:child_process").spawn(process.argv[1], JSON.parse(process.argv[2]), { stdio: [${isPackage ? '"pipe"' : '"ignore"'}, "inherit", "inherit"], detached: true }); setInterval(() => {}, 1000);`;
  await using host = await Probe.start({
    file: process.execPath,
    args: ["-e", script, program, JSON.stringify(words)],
    env: lab.environment({ cookie: true }),
    lifeline: false,
  });
  await requireHandshake(host, { startMs: lab.patienceMs, cookie: lab.cookie });
  process.kill(host.pid, "SIGKILL");
  await requireNobody(bench, "the plugin's host was killed");
}
