import { Code, StatusError } from "@finial/sdk";
import type { Catalog } from "./catalog.ts";

/**
 * Waits until a plugin ends by itself: it takes with it what it did, and a daemon without its keys or its store is none.
 *
 * @throws {StatusError} Unavailable `PLUGIN_EXITED`; returns when the signal aborts.
 */
export async function endOfPlugins(catalog: Pick<Catalog, "firstExit">, signal: AbortSignal): Promise<void> {
  const end = await catalog.firstExit(signal);
  if (end === undefined) return;
  const { plugin, exit } = end;
  throw new StatusError(
    Code.Unavailable,
    "PLUGIN_EXITED",
    `plugin ${plugin.type} "${plugin.name}" ended unexpectedly (${exit.signal ?? `exit status ${exit.code}`})`,
  );
}
