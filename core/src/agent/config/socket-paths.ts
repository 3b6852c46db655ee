import { dirname, resolve, sep } from "node:path";
import { invalid } from "../../kernel/config/invalid.ts";

/** Workloads may reach what lies in their socket's folder, or replace it. @returns the path, absolute. */
export function checkApart(
  what: "admin" | "broker",
  path: string | undefined,
  publicSocketPath: string | undefined,
): string | undefined {
  if (!path) return undefined;
  const absolute = resolve(path);
  if (publicSocketPath !== undefined && absolute.startsWith(dirname(publicSocketPath) + sep))
    throw invalid(
      `${what} socket cannot be in the same directory or a subdirectory as that containing the Workload API socket`,
    );
  return absolute;
}
