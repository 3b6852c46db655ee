import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { exitOf } from "@finial/test/support/child";
import type { Answer, Task, TaskResult } from "./task.ts";

/** The client of a measurement: a process of its own, so that its work is not counted as anybody else's. */
export class LoadProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(join(import.meta.dirname, "main.ts"), {
      execArgv: ["--conditions=source"],
      serialization: "advanced",
    });
  }

  /** @throws {Error} with what went wrong in the process, or when it has ended. */
  async run(task: Task): Promise<TaskResult> {
    const answered = new Promise<Answer>((resolve, reject) => {
      this.#child.once("message", (answer) => resolve(answer as Answer));
      this.#child.once("exit", (status) => reject(new Error(`the load process ended with ${status}`)));
    });
    this.#child.send(task);
    const answer = await answered;
    this.#child.removeAllListeners("exit");
    if (!answer.ok) throw new Error(`${task.kind}: ${answer.message}`);
    return answer.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await exitOf(this.#child);
  }
}
