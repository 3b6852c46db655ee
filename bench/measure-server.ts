import type { Deployment } from "@finial/test/support/deployment";
import { cpuMs, processTree } from "@finial/test/support/processes";
import type { TaskResult } from "./load/task.ts";

export interface Measured {
  readonly perSecond: number;
  /** Of the server and all its plugins. */
  readonly cpuMsEach: number;
  /** Of the load process, which runs on the same cores. */
  readonly clientCpuMsEach: number;
}

/** Runs a task against the server, and counts what it costs the server's processes. */
export async function measureServer(
  { server }: Pick<Deployment, "server">,
  run: () => Promise<TaskResult>,
): Promise<Measured> {
  if (server === undefined) throw new TypeError("there is no server");
  const spent = (): number => processTree(server.pid).reduce((total, { pid }) => total + cpuMs(pid), 0);
  const before = spent();
  const { count, elapsedMs, cpuMs: clientCpuMs } = await run();
  const serverCpuMs = spent() - before;
  return {
    perSecond: (count * 1000) / elapsedMs,
    cpuMsEach: serverCpuMs / count,
    clientCpuMsEach: clientCpuMs / count,
  };
}
