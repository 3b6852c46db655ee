import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { FakeClock, testCa } from "@finial/sdk/testing";
import fc from "fast-check";
import { AgentData, type AgentRecord, formatAgentRecord, parseAgentRecord } from "./agent-data.ts";

const root = mkdtempSync(join(tmpdir(), "finial-agent-data-"));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

/** A data directory of its own, maybe with a file in it. */
function folder(text?: string): string {
  const path = join(root, String(folders++));
  mkdirSync(path);
  if (text !== undefined) writeFileSync(join(path, "agent-data.json"), text);
  return path;
}

const ca = await testCa({ clock: new FakeClock() });
const svid = await (await ca.intermediate("below")).x509Svid("/spire/agent/a");
const asSpireWrites = (der: Buffer): string =>
  Buffer.from(
    `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
  ).toString("base64");

const nothing: AgentRecord = {
  chainDer: [],
  bundleDer: [],
  reattestable: false,
  bootstrapUse: "unspecified",
  bootstrapStartedAt: undefined,
  connectionAttempts: 0,
};
const full: AgentRecord = {
  chainDer: svid.chainDer,
  bundleDer: [ca.rootDer],
  reattestable: true,
  bootstrapUse: "rebootstrap",
  bootstrapStartedAt: new Date("2026-01-01T00:00:00.123Z"),
  connectionAttempts: 7,
};

describe("parseAgentRecord()", () => {
  const given: readonly { readonly title: string; readonly text: string; readonly expected: AgentRecord }[] =
    [
      {
        title: "what SPIRE's agent writes at first",
        text: '{"svid":null,"bundle":null,"reattestable":false,"bootstrap_use":0,"bootstrap_start_time":"0001-01-01T00:00:00Z","connection_attempts":0}',
        expected: nothing,
      },
      {
        title: "what it writes later, in any time zone",
        text: JSON.stringify({
          svid: svid.chainDer.map(asSpireWrites),
          bundle: [asSpireWrites(ca.rootDer)],
          reattestable: true,
          bootstrap_use: 2,
          bootstrap_start_time: "2026-01-01T02:00:00.123456789+02:00",
          connection_attempts: 7,
        }),
        expected: full,
      },
      {
        title: "what agents wrote before they could rebootstrap",
        text: JSON.stringify({ svid: svid.chainDer.map(asSpireWrites), bundle: [asSpireWrites(ca.rootDer)] }),
        expected: { ...nothing, chainDer: svid.chainDer, bundleDer: [ca.rootDer] },
      },
      {
        title: "empty lists, keys of others, and no time in any zone",
        text: '{"svid":[],"bundle":[],"more":{"x":1},"bootstrap_start_time":"0001-01-01T00:00:00+01:00"}',
        expected: nothing,
      },
      { title: "a use nobody knows", text: '{"bootstrap_use":9}', expected: nothing },
    ];
  for (const { title, text, expected } of given)
    it(`reads ${title}`, () => {
      assert.deepEqual(parseAgentRecord(text), expected);
    });

  const refused = [
    { text: "", message: /JSON/ },
    { text: "{", message: /JSON/ },
    { text: "null", message: /it is not an object/ },
    { text: "[]", message: /it is not an object/ },
    { text: '"x"', message: /it is not an object/ },
    { text: '{"svid":"x"}', message: /svid is not a list/ },
    { text: '{"bundle":[7]}', message: /bundle has an item that is no text/ },
    { text: '{"bundle":[null]}', message: /bundle has an item that is no text/ },
    { text: '{"svid":[""]}', message: /no PEM blocks/ },
    { text: `{"svid":["${Buffer.from("x").toString("base64")}"]}`, message: /no PEM blocks/ },
    { text: `{"svid":["${asSpireWrites(Buffer.from("x"))}"]}`, message: /./ },
    {
      text: `{"svid":["${Buffer.from("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").toString("base64")}"]}`,
      message: /expected a CERTIFICATE block, found PRIVATE KEY/,
    },
    { text: '{"connection_attempts":"7"}', message: /connection_attempts is not a number of times/ },
    { text: '{"connection_attempts":-1}', message: /connection_attempts is not a number of times/ },
    { text: '{"bootstrap_use":1.5}', message: /bootstrap_use is not a number of times/ },
    { text: '{"bootstrap_start_time":"yesterday"}', message: /bootstrap_start_time is not a time/ },
    { text: '{"bootstrap_start_time":"2026"}', message: /bootstrap_start_time is not a time/ },
    {
      text: '{"bootstrap_start_time":"2026-13-01T00:00:00Z"}',
      message: /bootstrap_start_time is not a time/,
    },
    { text: '{"bootstrap_start_time":7}', message: /bootstrap_start_time is not a time/ },
  ];
  for (const { text, message } of refused)
    it(`refuses ${text.slice(0, 60) || "an empty file"}`, () => {
      assert.throws(() => parseAgentRecord(text), { message });
    });

  it("refuses or reads, and never anything else, whatever is in the file", () => {
    const good = formatAgentRecord(full);
    const damaged = fc
      .tuple(fc.nat(good.length), fc.nat(40), fc.string({ maxLength: 5 }))
      .map(([at, length, by]) => good.slice(0, at) + by + good.slice(at + length));
    const strange = fc.oneof(
      fc.json(),
      damaged,
      fc
        .record({ svid: fc.jsonValue(), bundle: fc.jsonValue(), bootstrap_use: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(strange, (text) => {
        let record: AgentRecord;
        try {
          record = parseAgentRecord(text);
        } catch (error) {
          assert.ok(error instanceof Error);
          return;
        }
        assert.deepEqual(parseAgentRecord(formatAgentRecord(record)), record);
      }),
    );
  });
});

describe("formatAgentRecord()", () => {
  it("writes as SPIRE's agent reads it", () => {
    assert.equal(
      formatAgentRecord(nothing),
      '{"svid":null,"bundle":null,"reattestable":false,"bootstrap_use":0,"bootstrap_start_time":"0001-01-01T00:00:00Z","connection_attempts":0}',
    );
    assert.deepEqual(JSON.parse(formatAgentRecord(full)), {
      svid: svid.chainDer.map(asSpireWrites),
      bundle: [asSpireWrites(ca.rootDer)],
      reattestable: true,
      bootstrap_use: 2,
      bootstrap_start_time: "2026-01-01T00:00:00.123Z",
      connection_attempts: 7,
    });
  });

  it("loses nothing", () => {
    const certificate = fc.constantFrom(...svid.chainDer, ca.rootDer);
    const record = fc.record({
      chainDer: fc.array(certificate, { maxLength: 3 }),
      bundleDer: fc.array(certificate, { maxLength: 3 }),
      reattestable: fc.boolean(),
      bootstrapUse: fc.constantFrom("unspecified", "bootstrap", "rebootstrap"),
      bootstrapStartedAt: fc.option(
        fc.date({
          min: new Date("0002-01-01T00:00:00Z"),
          max: new Date("9999-12-31T23:59:59Z"),
          noInvalidDate: true,
        }),
        { nil: undefined },
      ),
      connectionAttempts: fc.nat(),
    }) as fc.Arbitrary<AgentRecord>;
    fc.assert(
      fc.property(record, (each) => {
        assert.deepEqual(parseAgentRecord(formatAgentRecord(each)), { ...each });
      }),
    );
  });
});

describe("AgentData", () => {
  it("begins with nothing, and finds in the next run what it wrote, for its owner alone", () => {
    const path = folder();
    const data = AgentData.open(path);
    assert.deepEqual(data.record, nothing);
    data.update(full);
    data.update({ connectionAttempts: 8 });
    assert.deepEqual(AgentData.open(path).record, { ...full, connectionAttempts: 8 });
    assert.equal(statSync(join(path, "agent-data.json")).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(path), ["agent-data.json"]);
  });

  it("forgets the SVID, and nothing else", () => {
    const path = folder();
    const data = AgentData.open(path);
    data.update(full);
    data.deleteSvid();
    const expected = { ...full, chainDer: [], reattestable: false };
    assert.deepEqual([data.record, AgentData.open(path).record], [expected, expected]);
  });

  it("does not begin with a file that it cannot read, nor touches it", () => {
    const path = folder('{"svid":7}');
    assert.throws(() => AgentData.open(path), {
      code: Code.FailedPrecondition,
      reason: "AGENT_DATA",
      message: `failed to open storage: ${path}/agent-data.json: svid is not a list`,
    });
    assert.equal(readFileSync(join(path, "agent-data.json"), "utf8"), '{"svid":7}');
    const other = folder();
    mkdirSync(join(other, "agent-data.json"));
    assert.throws(() => AgentData.open(other), { reason: "AGENT_DATA" });
  });

  it("is as it was when it cannot write", () => {
    const path = folder();
    const data = AgentData.open(path);
    data.update(full);
    mkdirSync(join(path, "agent-data.json.tmp"));
    assert.throws(() => data.update(nothing), {
      code: Code.FailedPrecondition,
      reason: "AGENT_DATA",
      message: /^failed to write data file: EISDIR/,
    });
    assert.deepEqual([data.record, AgentData.open(path).record], [full, full]);
  });

  it("writes over what a killed agent left half-written", () => {
    const path = folder(formatAgentRecord(full));
    writeFileSync(join(path, "agent-data.json.tmp"), '{"svid":["');
    const data = AgentData.open(path);
    assert.deepEqual(data.record, full);
    data.update(nothing);
    assert.deepEqual(AgentData.open(path).record, nothing);
    assert.deepEqual(readdirSync(path), ["agent-data.json"]);
  });

  it("is whole whenever the agent is killed, and has what was acknowledged last", async () => {
    const path = folder(formatAgentRecord(full));
    const script = `
      import { AgentData } from ${JSON.stringify(new URL("./agent-data.ts", import.meta.url).href)};
      const data = AgentData.open(${JSON.stringify(path)});
      for (let attempts = 1; ; attempts++) {
        data.update({ connectionAttempts: attempts });
        process.stdout.write(attempts + "\\n");
      }`;
    for (const delayMs of [0, 5, 11]) {
      const child = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      child.kill("SIGKILL");
      await once(child, "close");
      const acknowledged = Number(said.trimEnd().split("\n").at(-1));
      const { connectionAttempts, ...rest } = AgentData.open(path).record;
      assert.ok(
        connectionAttempts >= acknowledged && acknowledged > 0,
        `${connectionAttempts} < ${acknowledged}`,
      );
      const { connectionAttempts: _, ...expected } = full;
      assert.deepEqual(rest, expected);
    }
  });
});
