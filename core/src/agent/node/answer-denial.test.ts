import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { permissionDenied } from "../../kernel/convert/permission-denied.ts";
import { AgentData } from "./agent-data.ts";
import type { AgentSvid } from "./agent-svid.ts";
import { answerDenial } from "./answer-denial.ts";

const root = mkdtempSync(join(tmpdir(), "finial-denial-"));
after(() => rmSync(root, { recursive: true }));
const ca = await testCa({ clock: new FakeClock() });
const { chainDer } = await ca.x509Svid("/spire/agent/a");

function open(reattest: () => Promise<void> = async () => {}) {
  const folder = mkdtempSync(join(root, "x"));
  const data = AgentData.open(folder);
  data.update({ chainDer, bundleDer: [ca.rootDer], reattestable: true });
  const logger = captureLog();
  const stop = new AbortController();
  let count = 0;
  const svid = {
    reattest: async () => {
      count++;
      await reattest();
    },
  } as unknown as AgentSvid;
  return {
    data,
    folder,
    logger,
    stop,
    reattestations: () => count,
    answer: (error: unknown) => answerDenial(error, { svid, data, logger, signal: stop.signal }),
  };
}

const banned = permissionDenied("AGENT_BANNED", "agent is banned");
const expired = permissionDenied("AGENT_EXPIRED", "agent SVID is expired");
const noHelp = new StatusError(Code.Unavailable, "X", "server is away");

describe("answerDenial()", () => {
  it("attests again when that helps, and is done", async () => {
    const { answer, data, logger, reattestations } = open();
    await answer(expired);
    assert.deepEqual([reattestations(), data.record.chainDer], [1, chainDer]);
    assert.deepEqual(logger.lines, [
      {
        level: "warn",
        message: "Agent needs to re-attest; will attempt to re-attest",
        fields: { error: "agent SVID is expired" },
      },
    ]);
  });

  it("forgets the SVID, and ends with the denial, when it cannot attest again", async () => {
    const { answer, data, logger } = open(() => Promise.reject(noHelp));
    await assert.rejects(answer(expired), expired);
    assert.deepEqual(
      [data.record.chainDer, data.record.reattestable, data.record.bundleDer],
      [[], false, [ca.rootDer]],
    );
    assert.deepEqual(logger.lines.at(-1), {
      level: "error",
      message: "Agent failed re-attestation; removing SVID and shutting down",
      fields: { error: "server is away" },
    });
  });

  it("forgets the SVID of a banned agent, and does not attest again", async () => {
    const { answer, data, logger, reattestations } = open();
    await assert.rejects(answer(banned), banned);
    assert.deepEqual([reattestations(), data.record.chainDer], [0, []]);
    assert.deepEqual(logger.lines, [
      {
        level: "warn",
        message: "Agent is banned: removing SVID and shutting down",
        fields: { error: "agent is banned" },
      },
    ]);
  });

  for (const error of [noHelp, new StatusError(Code.PermissionDenied, "X", "not for you")])
    it(`passes on what is no denial, and keeps the SVID: ${error.message}`, async () => {
      const { answer, data, reattestations } = open();
      await assert.rejects(answer(error), error);
      assert.deepEqual([reattestations(), data.record.chainDer], [0, chainDer]);
    });

  it("keeps the SVID of an agent that is told to stop in the middle of it", async () => {
    const opened = open(async () => {
      opened.stop.abort();
      throw noHelp;
    });
    await assert.rejects(opened.answer(expired), noHelp);
    assert.deepEqual(opened.data.record.chainDer, chainDer);
  });

  it("ends with the denial all the same when it cannot forget", async () => {
    const { answer, folder, logger } = open();
    mkdirSync(join(folder, "agent-data.json.tmp"));
    await assert.rejects(answer(banned), banned);
    assert.equal(logger.lines.at(-1)?.message, "Failed to remove SVID");
  });
});
