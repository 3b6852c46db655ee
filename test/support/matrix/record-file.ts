import { existsSync, readFileSync } from "node:fs";
import { eventually } from "../eventually.ts";

/** Something that a plugin wrote down: that it was configured, asked, answered by the host, or closed. */
export interface RecordedEvent {
  readonly event: "configure" | "rpc" | "host" | "close";
  /** Of the RPC. */
  readonly name?: string;
  /** The gRPC code the host answered with, by its name. */
  readonly code?: string;
  readonly word?: string;
  readonly trustDomain?: string;
  readonly detail?: readonly unknown[] | null;
}

/** What one plugin has written down, over all its processes. */
export class RecordFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get events(): readonly RecordedEvent[] {
    if (!existsSync(this.path)) return [];
    // The last line may be on its way yet.
    const lines = readFileSync(this.path, "utf8").split("\n").slice(0, -1);
    return lines.map((line): RecordedEvent => JSON.parse(line));
  }

  /** Names of the RPCs that came, each once. */
  get rpcs(): ReadonlySet<string> {
    return new Set(
      this.events.flatMap(({ event, name }) => (event === "rpc" && name !== undefined ? [name] : [])),
    );
  }

  /** @throws when there is none in time. */
  async wait(
    what: string,
    wanted: (event: RecordedEvent) => boolean,
    timeoutMs = 40_000,
  ): Promise<RecordedEvent> {
    return await eventually(
      async () => {
        const found = this.events.find(wanted);
        if (found === undefined) throw new Error(`${what} is not in ${this.path}`);
        return found;
      },
      { timeoutMs, everyMs: 100 },
    );
  }

  /** Waits for an RPC, whose detail may have to hold something. */
  async waitForRpc(name: string, detail: (...detail: readonly unknown[]) => boolean = () => true) {
    return await this.wait(
      name,
      (event) => event.event === "rpc" && event.name === name && detail(...(event.detail ?? [])),
    );
  }
}
