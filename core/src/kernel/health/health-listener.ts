import { createServer } from "node:http";
import { Code, type Logger, StatusError } from "@finial/sdk";
import { aborted } from "../lifecycle/run-together.ts";
import type { HealthChecks } from "./health-checks.ts";

export interface HealthListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly livePath: string;
  readonly readyPath: string;
  readonly checks: HealthChecks;
  readonly logger: Logger;
}

/** Answers live and ready probes over HTTP: 200 when all is well, else 500, with what is wrong as JSON. */
export async function runHealthListener(options: HealthListenerOptions, signal: AbortSignal): Promise<void> {
  const { address, port, livePath, readyPath, checks, logger } = options;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname !== livePath && pathname !== readyPath) {
      response.writeHead(404).end();
      return;
    }
    response
      .writeHead(checks.healthy ? 200 : 500, { "content-type": "application/json" })
      .end(`${JSON.stringify(checks.details)}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new StatusError(
          Code.FailedPrecondition,
          "ADDRESS_UNUSABLE",
          `cannot serve health checks on ${address}:${port}: ${error.message}`,
          { cause: error },
        ),
      ),
    );
    server.listen(port, address, resolve);
  });
  logger.info("Serving health checks", { address: `${address}:${port}` });
  await aborted(signal);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
