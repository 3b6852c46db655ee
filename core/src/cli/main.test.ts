import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agentProgram } from "./agent/program.ts";
import { command } from "./command.ts";
import { FakeIo } from "./fake-io.ts";
import { text, toggle } from "./flag.ts";
import { runProgram } from "./main.ts";
import { serverProgram } from "./server/program.ts";

const echo = (name: string) =>
  command({
    name,
    synopsis: `Does ${name}`,
    flags: { word: text("A word", "w"), loud: toggle("Loudly") },
    run: async ({ flags, io }) => {
      io.stdout.write(`${name}: ${flags.word}\n`);
      return flags.loud ? 7 : 0;
    },
  });
const program = {
  name: "prog",
  version: "1.2.3",
  commands: [echo("run"), echo("api fetch"), echo("api fetch jwt"), echo("entry show"), echo("entry create")],
};

const top = `Usage: prog <command> [flags]

Commands:
  api    fetch, fetch jwt
  entry  show, create
  run    Does run

"prog <command> -help" tells the flags of a command, "prog -version" the version.
`;
const entry = `Usage: prog entry <command> [flags]

Commands:
  create  Does entry create
  show    Does entry show
`;

describe("runProgram()", () => {
  for (const [args, status, out, err] of [
    [["run"], 0, "run: w\n", ""],
    [["run", "-loud", "-word", "x"], 7, "run: x\n", ""],
    [["api", "fetch", "-word", "x"], 0, "api fetch: x\n", ""],
    [["api", "fetch", "jwt", "-word", "x"], 0, "api fetch jwt: x\n", ""],
    [["run", "extra"], 0, "run: w\n", "Warning: passed over extra: run takes nothing after its flags\n"],
    [
      ["run", "-wrod", "x"],
      1,
      "",
      'flag provided but not defined: -wrod; did you mean -word?\n"run -help" tells all flags.\n',
    ],
    [["-version"], 0, "1.2.3\n", ""],
    [["--version"], 0, "1.2.3\n", ""],
    [[], 127, "", top],
    [["-help"], 0, top, ""],
    [["-h"], 0, top, ""],
    [["entry"], 1, "", entry],
    [["entry", "-help"], 0, entry, ""],
    [["entry", "shwo"], 1, "", `prog has no command "entry shwo"; did you mean "entry show"?\n\n${entry}`],
    [["entry", "qqq"], 1, "", `prog has no command "entry qqq"\n\n${entry}`],
    [["enrty", "show"], 127, "", `prog has no command "enrty show"; did you mean "entry show"?\n\n${top}`],
    [["rnu"], 127, "", `prog has no command "rnu"; did you mean "run"?\n\n${top}`],
    [["quite"], 127, "", `prog has no command "quite"\n\n${top}`],
    [
      ["run", "--help"],
      0,
      'Usage: prog run [flags]\n\nDoes run.\n\nFlags:\n  -loud\n        Loudly\n  -word string\n        A word (default "w")\n',
      "",
    ],
  ] as const)
    it(`answers ${JSON.stringify(args)}`, async () => {
      const io = new FakeIo();
      assert.deepEqual([await runProgram(program, args, io), io.out, io.err], [status, out, err]);
    });

  it("tells what a command throws, and ends with 1", async () => {
    const io = new FakeIo();
    const failing = { ...echo("run"), run: () => Promise.reject(new Error("it broke")) };
    const status = await runProgram({ ...program, commands: [failing] }, ["run"], io);
    assert.deepEqual([status, io.err], [1, "it broke\n"]);
  });

  for (const { name, commands, version } of [serverProgram, agentProgram])
    it(`has help and a synopsis for every command of ${name}`, async () => {
      for (const { name: commandName, synopsis, flags } of commands) {
        const io = new FakeIo();
        const status = await runProgram(
          { name, commands, version },
          [...commandName.split(" "), "-help"],
          io,
        );
        assert.deepEqual([status, io.err], [0, ""]);
        assert.ok(io.out.includes(synopsis), commandName);
        for (const flag of Object.keys(flags))
          assert.ok(io.out.includes(`  -${flag}`), `${commandName} ${flag}`);
      }
    });
});
