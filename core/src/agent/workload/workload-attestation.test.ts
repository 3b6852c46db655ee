import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { formatSelector, parseSelector } from "@finial/sdk/spiffe";
import { captureLog } from "@finial/sdk/testing";
import type { WorkloadAttestor } from "../facade/workloadattestor.ts";
import { WorkloadAttestation } from "./workload-attestation.ts";

type Answer = readonly string[] | Error;

/** An attestor that answers with selectors, or fails. */
function attestor(name: string, answer: Answer): WorkloadAttestor {
  return {
    name,
    attest: async () => {
      if (answer instanceof Error) throw answer;
      return answer.map(parseSelector);
    },
  };
}

const down = new StatusError(Code.Unavailable, "DOWN", "workloadattestor(docker): docker is down");
const odd = new TypeError("unforeseen");
const { signal } = new AbortController();
const alive = { pid: 7, isAlive: () => true };

const failed = (name: string, error: string) => ({
  level: "error",
  message: `workload attestor "${name}" failed`,
  fields: { pid: 7, error },
});
const attested = (count: number) => ({
  level: "debug",
  message: "PID attested",
  fields: { pid: 7, selector_count: count },
});

describe("WorkloadAttestation.attest()", () => {
  const cases: readonly {
    readonly title: string;
    readonly answers: Readonly<Record<string, Answer>>;
    readonly expected: readonly string[];
    readonly lines: readonly unknown[];
  }[] = [
    {
      title: "gives all attestors' selectors, in the order of the attestors",
      answers: { unix: ["unix:uid:1", "unix:gid:2"], docker: ["docker:label:a"] },
      expected: ["unix:uid:1", "unix:gid:2", "docker:label:a"],
      lines: [attested(3)],
    },
    {
      title: "gives none when no attestor knows the kind of workload",
      answers: { unix: [], docker: [] },
      expected: [],
      lines: [attested(0)],
    },
    {
      title: "goes without an attestor that failed, and says so",
      answers: { docker: down, unix: ["unix:uid:1"] },
      expected: ["unix:uid:1"],
      lines: [failed("docker", "workloadattestor(docker): docker is down"), attested(1)],
    },
    {
      title: "gives none when one failed and the other found none: that is no failure",
      answers: { docker: odd, unix: [] },
      expected: [],
      lines: [failed("docker", "unforeseen"), attested(0)],
    },
  ];
  for (const { title, answers, expected, lines } of cases)
    it(title, async () => {
      const logger = captureLog();
      const attestors = Object.entries(answers).map(([name, answer]) => attestor(name, answer));
      const selectors = await new WorkloadAttestation({ attestors, logger }).attest(alive, { signal });
      assert.deepEqual(selectors.map(formatSelector), expected);
      assert.deepEqual(logger.lines, lines);
    });

  it("fails when all attestors failed, each with its reason in the log and none in the answer", async () => {
    const logger = captureLog();
    const attestors = [attestor("docker", down), attestor("unix", odd)];
    await assert.rejects(new WorkloadAttestation({ attestors, logger }).attest(alive, { signal }), {
      code: Code.Unavailable,
      reason: "ATTESTATION_FAILED",
      message: "workload attestation failed",
      cause: new Error(
        'workload attestor "docker" failed: workloadattestor(docker): docker is down; workload attestor "unix" failed: unforeseen',
      ),
    });
    assert.deepEqual(logger.lines, [
      failed("docker", "workloadattestor(docker): docker is down"),
      failed("unix", "unforeseen"),
    ]);
  });

  it("asks all attestors at once, of the caller's pid", async () => {
    const started: number[] = [];
    const both = Promise.withResolvers<void>();
    const waiting = (name: string): WorkloadAttestor => ({
      name,
      attest: async (pid) => {
        if (started.push(pid) === 2) both.resolve();
        await both.promise;
        return [];
      },
    });
    const attestation = new WorkloadAttestation({
      attestors: [waiting("a"), waiting("b")],
      logger: captureLog(),
    });
    await attestation.attest(alive, { signal });
    assert.deepEqual(started, [7, 7]);
  });

  it("does not believe what was found when the caller has ended meanwhile: its pid may be another's", async () => {
    let isAlive = true;
    const dies: WorkloadAttestor = {
      name: "unix",
      attest: async () => {
        isAlive = false;
        return [parseSelector("unix:uid:0")];
      },
    };
    const logger = captureLog();
    const attestation = new WorkloadAttestation({ attestors: [dies], logger });
    await assert.rejects(attestation.attest({ pid: 7, isAlive: () => isAlive }, { signal }), {
      code: Code.Unauthenticated,
      reason: "CALLER_GONE",
      message: "could not verify existence of the original caller: the process has ended",
    });
    assert.deepEqual(logger.lines, []);
  });

  it("asks nobody about a caller whose pid is unknown here", async () => {
    const attestor = { name: "unix", attest: () => assert.fail("asked") };
    const attestation = new WorkloadAttestation({ attestors: [attestor], logger: captureLog() });
    await assert.rejects(attestation.attest({ ...alive, pid: 0 }, { signal }), {
      code: 16,
      reason: "CALLER_UNKNOWN",
      message:
        "could not resolve caller information: the process is in a pid namespace that cannot be seen from here",
    });
  });

  it("passes the signal on, and counts a caller that left as no failure", async () => {
    const stop = new AbortController();
    const waits: WorkloadAttestor = {
      name: "docker",
      attest: (_, options) =>
        new Promise((_, reject) =>
          options.signal.addEventListener("abort", () => reject(options.signal.reason)),
        ),
    };
    const logger = captureLog();
    const attestation = new WorkloadAttestation({ attestors: [waits], logger });
    const attesting = attestation.attest(alive, { signal: stop.signal });
    stop.abort();
    await assert.rejects(attesting, { code: Code.Cancelled });
    assert.deepEqual(logger.lines, []);
  });
});
