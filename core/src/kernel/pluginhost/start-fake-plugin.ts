import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, type Logger, systemClock } from "@finial/sdk";
import { captureLog } from "@finial/sdk/testing";
import { pluginEnvironment } from "./environment.ts";
import type { FakePluginBehaviour } from "./fake-plugin.ts";
import type { HostService } from "./host-services.ts";
import type { Launch } from "./launch.ts";
import type { PluginLimits } from "./limits.ts";
import { RunningPlugin } from "./running-plugin.ts";
import { SocketFolder } from "./socket-folder.ts";

/** A process that starts from sources compiles most of its time; kept where other caches are, between runs, too. */
export const compileCache = join(import.meta.dirname, "../../../../node_modules/.cache/finial-fake-plugin");

/** A folder for what a test's plugins make; removed with all that is in it. */
export interface PluginFolder extends AsyncDisposable {
  readonly path: string;
  /** Of the plugins' sockets. */
  readonly socketFolder: string;
  /** A launch of the fake plugin. */
  launch(behaviour?: FakePluginBehaviour): Launch;
  /** A launch of a shell script. */
  script(text: string): Launch;
  start(
    launch: Launch,
    options?: {
      readonly hostServices?: readonly HostService[];
      readonly logger?: Logger;
      readonly clock?: Clock;
      readonly limits?: PluginLimits;
      readonly signal?: AbortSignal;
    },
  ): Promise<RunningPlugin>;
}

export async function makePluginFolder(): Promise<PluginFolder> {
  const path = mkdtempSync(join(tmpdir(), "fake-plugins-"));
  const sockets = await SocketFolder.make(path);
  const env = {
    ...pluginEnvironment(process.env, { builtIn: true, type: "KeyManager", socketFolder: sockets.path }),
    NODE_COMPILE_CACHE: compileCache,
  };
  return {
    path,
    socketFolder: sockets.path,
    launch: (behaviour = {}) => ({
      file: process.execPath,
      args: ["--conditions=source", join(import.meta.dirname, "fake-plugin.ts"), JSON.stringify(behaviour)],
      env,
      sealed: false,
      lifeline: true,
      baseName: "fake",
      checksum: undefined,
    }),
    script: (text) => ({
      file: "/bin/sh",
      args: ["-c", text],
      env,
      sealed: false,
      lifeline: false,
      baseName: "sh",
      checksum: undefined,
    }),
    start: (launch, options = {}) =>
      RunningPlugin.start({
        type: "KeyManager",
        name: "fake",
        launch,
        hostServices: [],
        socketFolder: sockets.path,
        logger: captureLog(),
        clock: systemClock,
        ...options,
      }),
    [Symbol.asyncDispose]: async () => {
      await sockets[Symbol.asyncDispose]();
      rmSync(path, { recursive: true });
    },
  };
}

/** Whether a process of this pid runs; one that only waits to be waited for does not. */
export function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch (error) {
    // It ended between the two.
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return false;
    throw error;
  }
}

/** Waits for the end of a process that is no child of ours. */
export async function untilGone(pid: number): Promise<void> {
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}
