import { readFileSync } from "node:fs";

/** A tenth of the time: less is housekeeping. */
const busyPart = 0.1;
/** As the kernel counts it for everybody, whatever it counts itself. */
const msATick = 10;

/** What a process does with its time, by `/proc`. */
export class ProcessorUse {
  readonly #pid: number;
  readonly #nowMs: () => number;
  #last: { readonly state: string; readonly usedMs: number; readonly atMs: number } | undefined;

  constructor(pid: number, nowMs: () => number) {
    this.#pid = pid;
    this.#nowMs = nowMs;
    this.#last = this.#read();
  }

  /** Whether it has been at work since it was last looked at, or waits for the processor or the disk. Of one that is gone: no. */
  isBusy(): boolean {
    const before = this.#last;
    const now = this.#read();
    this.#last = now;
    if (before === undefined || now === undefined) return false;
    if (now.state === "R" || now.state === "D") return true;
    return now.usedMs - before.usedMs > (now.atMs - before.atMs) * busyPart;
  }

  /** Whether it was stopped, by a signal or a debugger, when it was last looked at. */
  get isStopped(): boolean {
    return this.#last?.state.toUpperCase() === "T";
  }

  /** @see proc_pid_stat(5): state is the third field, utime and stime the fourteenth and fifteenth. */
  #read(): { readonly state: string; readonly usedMs: number; readonly atMs: number } | undefined {
    const atMs = this.#nowMs();
    try {
      const text = readFileSync(`/proc/${this.#pid}/stat`, "latin1");
      // The name in parentheses may hold anything: the fields begin after the last ")".
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const usedMs = (Number(fields[11]) + Number(fields[12])) * msATick;
      return { state: fields[0] ?? "", usedMs, atMs };
    } catch {
      // It ended, or this is no Linux: nothing speaks for it.
      return undefined;
    }
  }
}
