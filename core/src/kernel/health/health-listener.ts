import type { RequestListener, Server } from "node:http";
import { Code, type Logger, StatusError } from "@finial/sdk";
import { aborted } from "../lifecycle/run-together.ts";
import type { HealthChecks } from "./health-checks.ts";

/** Probes are one line; whoever takes longer only holds a connection. */
const headersLimitMs = 10_000;

export interface HealthListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly livePath: string;
  readonly readyPath: string;
  readonly checks: Pick<HealthChecks, "live" | "ready" | "details">;
  readonly logger: Logger;
  /** Told the port, which for 0 is another. */
  readonly onListening?: (port: number) => void;
}

/**
 * Answers live and ready probes over HTTP: 200 when all is well, else 500, with what is wrong as JSON.
 *
 * @throws {StatusError} FailedPrecondition `ADDRESS_UNUSABLE`.
 */
export async function runHealthListener(options: HealthListenerOptions, signal: AbortSignal): Promise<void> {
  const { address, port, logger } = options;
  // Only when it is asked for: importing it loads all of Node's fetch, in every daemon and every command.
  const { createServer } = await import("node:http");
  const server = createServer({ headersTimeout: headersLimitMs }, answer(options));
  await listen(server, options);
  server.on("error", (error) => logger.error("Health listener failed", { error: error.message }));
  logger.info("Serving health checks", { address: `${address}:${port}` });
  const bound = server.address();
  if (bound !== null && typeof bound === "object") options.onListening?.(bound.port);
  await aborted(signal);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function answer({ livePath, readyPath, checks }: HealthListenerOptions): RequestListener {
  return ({ url = "/" }, response) => {
    // Not by way of URL, which throws at what anybody may ask for, such as "//".
    const [path] = url.split("?", 1);
    if (path !== livePath && path !== readyPath) {
      response.writeHead(404).end();
      return;
    }
    const isWell = path === readyPath ? checks.ready : checks.live;
    response
      .writeHead(isWell ? 200 : 500, { "content-type": "application/json" })
      .end(`${JSON.stringify(checks.details)}\n`);
  };
}

function listen(server: Server, { address, port }: HealthListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new StatusError(
          Code.FailedPrecondition,
          "ADDRESS_UNUSABLE",
          `cannot serve health checks on ${address}:${port}: ${error.message}`,
          { cause: error },
        ),
      );
    server.once("error", fail);
    server.listen(port, address, () => {
      server.off("error", fail);
      resolve();
    });
  });
}
