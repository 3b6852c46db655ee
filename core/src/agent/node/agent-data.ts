import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, parseCertificatesPem, toPem } from "@finial/sdk/crypto";

const fileName = "agent-data.json";
/** How Go prints a time that is none. */
const noTime = "0001-01-01T00:00:00Z";

/** 0: nothing was said yet. */
export type BootstrapUse = "unspecified" | "bootstrap" | "rebootstrap";

const uses: readonly BootstrapUse[] = ["unspecified", "bootstrap", "rebootstrap"];

/** What an agent remembers from one run to the next. Chains leaf first, DER; empty when there is none. */
export interface AgentRecord {
  readonly chainDer: readonly Buffer[];
  readonly bundleDer: readonly Buffer[];
  readonly reattestable: boolean;
  readonly bootstrapUse: BootstrapUse;
  /** Undefined when no bootstrap is under way. */
  readonly bootstrapStartedAt: Date | undefined;
  readonly connectionAttempts: number;
}

const nothing: AgentRecord = {
  chainDer: [],
  bundleDer: [],
  reattestable: false,
  bootstrapUse: "unspecified",
  bootstrapStartedAt: undefined,
  connectionAttempts: 0,
};

/** `agent-data.json` in the agent's data directory, as SPIRE's agent writes and reads it. */
export class AgentData {
  readonly #path: string;
  #record: AgentRecord;

  private constructor(path: string, record: AgentRecord) {
    this.#path = path;
    this.#record = record;
  }

  /** @throws {StatusError} FailedPrecondition `AGENT_DATA` when the file is there and cannot be read. */
  static open(dataDir: string): AgentData {
    const path = join(dataDir, fileName);
    try {
      return new AgentData(path, parseAgentRecord(readFileSync(path, "utf8")));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT")
        return new AgentData(path, nothing);
      throw failed(`failed to open storage: ${path}`, error);
    }
  }

  get record(): AgentRecord {
    return this.#record;
  }

  /**
   * Writes the file anew, whole or not at all.
   *
   * @throws {StatusError} FailedPrecondition `AGENT_DATA`; all is as it was then.
   */
  update(change: Partial<AgentRecord>): void {
    const next = { ...this.#record, ...change };
    try {
      writeWhole(this.#path, formatAgentRecord(next));
    } catch (error) {
      throw failed("failed to write data file", error);
    }
    this.#record = next;
  }

  /** The agent has to attest again before it is anybody. */
  deleteSvid(): void {
    this.update({ chainDer: [], reattestable: false });
  }
}

/** @throws an error that says what is wrong. */
export function parseAgentRecord(text: string): AgentRecord {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("it is not an object");
  const fields = value as Fields;
  const startedAt = readInstant(fields, "bootstrap_start_time");
  return {
    chainDer: readCertificates(fields, "svid"),
    bundleDer: readCertificates(fields, "bundle"),
    reattestable: fields.reattestable === true,
    bootstrapUse: uses[readCount(fields, "bootstrap_use")] ?? "unspecified",
    bootstrapStartedAt: startedAt.getUTCFullYear() <= 1 ? undefined : startedAt,
    connectionAttempts: readCount(fields, "connection_attempts"),
  };
}

export function formatAgentRecord(record: AgentRecord): string {
  return JSON.stringify({
    svid: writeCertificates(record.chainDer),
    bundle: writeCertificates(record.bundleDer),
    reattestable: record.reattestable,
    bootstrap_use: uses.indexOf(record.bootstrapUse),
    bootstrap_start_time: record.bootstrapStartedAt?.toISOString() ?? noTime,
    connection_attempts: record.connectionAttempts,
  });
}

type Fields = Readonly<Record<string, unknown>>;

/** A list of base64 of PEM; Go writes an empty one as null. */
function readCertificates(fields: Fields, name: string): readonly Buffer[] {
  const list = fields[name] ?? [];
  if (!Array.isArray(list)) throw new Error(`${name} is not a list`);
  return list.map((item: unknown) => {
    if (typeof item !== "string") throw new Error(`${name} has an item that is no text`);
    const [der] = parseCertificatesPem(Buffer.from(item, "base64").toString("utf8"));
    return Certificate.parse(der as Buffer).der;
  });
}

function readCount(fields: Fields, name: string): number {
  const count = fields[name] ?? 0;
  if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0)
    throw new Error(`${name} is not a number of times`);
  return count;
}

/** @see RFC 3339; Go writes nanoseconds and any time zone. */
function readInstant(fields: Fields, name: string): Date {
  const text = fields[name] ?? noTime;
  const isWellFormed = typeof text === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text);
  const instant = new Date(isWellFormed ? text : Number.NaN);
  if (Number.isNaN(instant.getTime())) throw new Error(`${name} is not a time`);
  return instant;
}

function writeCertificates(list: readonly Buffer[]): readonly string[] | null {
  if (list.length === 0) return null;
  return list.map((der) => Buffer.from(toPem("CERTIFICATE", der)).toString("base64"));
}

function writeWhole(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function failed(message: string, cause: unknown): StatusError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StatusError(Code.FailedPrecondition, "AGENT_DATA", `${message}: ${why}`, { cause });
}
