import { appendFileSync } from "node:fs";
import { Code, type CoreConfig, codeName, type PluginHost, StatusError } from "@finial/sdk";
import { bool, decodeConfig, string } from "@finial/sdk/hcl";
import { MetricsDefinition } from "@finial/sdk/server";

export interface Config {
  /** The file that everything is written down in, one JSON object a line; undefined: nothing is. */
  readonly record: string | undefined;
  /** A setting that can be changed and be seen to have changed. */
  readonly word: string;
  /** Has a workload attestor know workloads by references alone. */
  readonly byReference: boolean;
  readonly trustDomain: string;
}

/** @throws {StatusError} InvalidArgument; one problem a line. */
export function parseConfig(text: string, { trustDomain }: CoreConfig): Config {
  const { record, word, by_reference } = decodeConfig(
    text,
    {
      record: string({ default: "" }),
      word: string({ default: "" }),
      by_reference: bool({ default: false }),
    },
    { filename: "plugin_data" },
  );
  if (word === "") throw new StatusError(Code.InvalidArgument, "WORD_REQUIRED", "word is required");
  return {
    record: record === "" ? undefined : record,
    word,
    byReference: by_reference,
    trustDomain: trustDomain.name,
  };
}

/** What all these plugins share: a configuration, and a record of what was asked of them and what the host answered. */
export class PluginRecord {
  readonly #host: PluginHost;
  #config: Config | undefined;

  constructor(host: PluginHost) {
    this.#host = host;
  }

  async configure(config: Config): Promise<void> {
    this.#config = config;
    const { word, trustDomain } = config;
    this.#host.logger.info("Configured", { word });
    this.#write({ event: "configure", word, trustDomain });
    await this.#measure();
  }

  close(): void {
    this.#write({ event: "close" });
  }

  /** Writes down that an RPC came. */
  asked(name: string, ...detail: readonly unknown[]): Config {
    if (this.#config === undefined)
      throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
    this.#write({ event: "rpc", name, detail });
    return this.#config;
  }

  /** Asks the host something, and writes down how it answered; undefined when it refused. */
  async ask<T>(
    name: string,
    call: () => Promise<T>,
    detailOf: (answer: T) => readonly unknown[] = () => [],
  ): Promise<T | undefined> {
    try {
      const answer = await call();
      this.#write({ event: "host", name, code: "OK", detail: detailOf(answer) });
      return answer;
    } catch (error) {
      this.#write({ event: "host", name, code: codeName(StatusError.from(error).code) });
      return undefined;
    }
  }

  /** Asks each RPC of the host's metrics once. */
  async #measure(): Promise<void> {
    const metrics = this.#host.service(MetricsDefinition);
    const key = ["matrix", "configured"];
    const labels = [{ name: "language", value: "typescript" }];
    const time = (BigInt(this.#host.clock.now().getTime()) * 1_000_000n).toString();
    await this.ask("SetGauge", () => metrics.setGauge({ key, val: 1, labels }));
    await this.ask("EmitKey", () => metrics.emitKey({ key, val: 1 }));
    await this.ask("IncrCounter", () => metrics.incrCounter({ key, val: 1, labels }));
    await this.ask("AddSample", () => metrics.addSample({ key, val: 1, labels }));
    await this.ask("MeasureSince", () => metrics.measureSince({ key, time, labels }));
  }

  #write(event: Readonly<Record<string, unknown>>): void {
    const path = this.#config?.record;
    if (path !== undefined) appendFileSync(path, `${JSON.stringify(event)}\n`, { mode: 0o600 });
  }
}
