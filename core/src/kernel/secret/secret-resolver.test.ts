import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { systemClock } from "@finial/sdk";
import { FakeClock } from "@finial/sdk/testing";
import { isRunning } from "../pluginhost/start-fake-plugin.ts";
import { SecretResolver } from "./secret-resolver.ts";

const me = process.geteuid?.() ?? 0;
/** A daemon of another user, who trusts root's files and not those of whoever runs this. */
const somebody = 4711;
const folder = realpathSync(mkdtempSync(join(tmpdir(), "finial-secret-")));
after(() => rmSync(folder, { recursive: true }));
let made = 0;

function resolverWith(more: Partial<ConstructorParameters<typeof SecretResolver>[0]> = {}): SecretResolver {
  return new SecretResolver({ env: {}, uid: me, clock: systemClock, ...more });
}

function file(content: string | Uint8Array, mode = 0o600, parent = folder): string {
  const path = join(parent, `secret-${made++}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function program(script: string, mode = 0o700): string {
  return file(`#!/bin/sh\n${script}\n`, mode);
}

function subfolder(mode: number): string {
  const path = join(folder, `folder-${made++}`);
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

const read = (path: string, resolver = resolverWith()) => resolver.resolve({ kind: "file", path });
const run = (path: string, args: readonly string[] = [], resolver = resolverWith()) =>
  resolver.resolve({ kind: "exec", path, args });

describe("SecretResolver.resolve() of a file", () => {
  it("gives what it holds, without the line end that is its last", async () => {
    for (const [content, secret] of [
      ["s3cret", "s3cret"],
      ["s3cret\n", "s3cret"],
      ["s3cret\r\n", "s3cret"],
      ["two\nlines\n\n", "two\nlines\n"],
      [" spaces stay \n", " spaces stay "],
      ["schlüssel", "schlüssel"],
      ["\ufeffmark", "\ufeffmark"],
      ["x".repeat(64 << 10), "x".repeat(64 << 10)],
    ] as const)
      assert.equal(await read(file(content)), secret);
  });

  it("follows links that nobody else can change, and folders that are shared with care", async () => {
    const path = file("s3cret");
    const shared = subfolder(0o1777);
    mkdirSync(join(shared, "..data"));
    symlinkSync(`../${path.slice(folder.length + 1)}`, join(shared, "relative"));
    symlinkSync(path, join(shared, "..data", "absolute"));
    symlinkSync("..data/./absolute", join(shared, "chain"));
    for (const name of ["relative", "chain", "..data/../relative"])
      assert.equal(await read(`${shared}/${name}`), "s3cret");
  });

  it("takes files that everybody may read, and nobody may write", async () => {
    assert.equal(await read(file("s3cret", 0o444)), "s3cret");
  });

  it("refuses what others may write, in one sentence that says where and what would be right", async () => {
    const open = subfolder(0o777);
    const ofGroup = subfolder(0o770);
    const inOpen = file("s3cret", 0o600, open);
    const below = join(ofGroup, "below");
    mkdirSync(below, { mode: 0o700 });
    const link = join(folder, "to-open");
    symlinkSync(inOpen, link);
    const cases: readonly (readonly [path: string, message: string])[] = [
      ...([0o606, 0o602, 0o666] as const).map((mode) => {
        const path = file("s3cret", mode);
        return [
          path,
          `${path} can be written by everyone (mode 0${mode.toString(8)}); nobody but its owner should be able to, as with "chmod go-w"`,
        ] as const;
      }),
      ...([0o660, 0o620] as const).map((mode) => {
        const path = file("s3cret", mode);
        return [
          path,
          `${path} can be written by its group (mode 0${mode.toString(8)}); nobody but its owner should be able to, as with "chmod go-w"`,
        ] as const;
      }),
      [
        inOpen,
        `the folder ${open} can be written by everyone (mode 0777); nobody but its owner should be able to, as with "chmod go-w"`,
      ],
      [
        link,
        `the folder ${open} can be written by everyone (mode 0777); nobody but its owner should be able to, as with "chmod go-w"`,
      ],
      [
        file("s3cret", 0o600, below),
        `the folder ${ofGroup} can be written by its group (mode 0770); nobody but its owner should be able to, as with "chmod go-w"`,
      ],
    ];
    for (const [path, message] of cases)
      await assert.rejects(read(path), {
        code: 9,
        reason: "SECRET_UNTRUSTED",
        message: `secret+file:${path}: ${message}`,
      });
  });

  it("refuses what belongs to another user than root and the daemon's", async () => {
    // Root can give a file away; anybody else is another user to a daemon of somebody's.
    const uid = me === 0 ? 1234 : somebody;
    const owned = subfolder(0o755);
    const path = file("s3cret", 0o600, owned);
    if (me === 0) chownSync(path, somebody, 0);
    const first = me === 0 ? path : folder;
    await assert.rejects(read(path, resolverWith({ uid })), {
      code: 9,
      reason: "SECRET_UNTRUSTED",
      message: `secret+file:${path}: ${first} belongs to uid ${me === 0 ? somebody : me}; it should belong to root or the daemon's user, uid ${uid}`,
    });
  });

  it("refuses a link that another user could point elsewhere, wherever it points now", async () => {
    const link = join(subfolder(0o1777), "link");
    symlinkSync(file("s3cret"), link);
    assert.equal(await read(link), "s3cret");
    // Only root can give a link away; anybody else is refused for the folder already.
    const uid = me === 0 ? 1234 : somebody;
    if (me === 0) lchownSync(link, somebody, 0);
    const [first, owner] = me === 0 ? [link, somebody] : [folder, me];
    await assert.rejects(read(link, resolverWith({ uid })), {
      reason: "SECRET_UNTRUSTED",
      message: `secret+file:${link}: ${first} belongs to uid ${owner}; it should belong to root or the daemon's user, uid ${uid}`,
    });
  });

  it("refuses what is no file, without waiting for it", async () => {
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    for (const path of [fifo, folder, "/dev/null"])
      await assert.rejects(read(path), {
        reason: "SECRET_UNTRUSTED",
        message: `secret+file:${path}: ${path} should be a regular file`,
      });
    const socket = join(folder, "socket");
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once("listening", resolve));
    await assert.rejects(read(socket), { code: 9, message: /^secret\+file:.*: no such device or address$/ });
    server.close();
  });

  it("says why it cannot have one", async () => {
    const none = join(folder, "none");
    const loop = join(folder, "loop");
    symlinkSync(loop, loop);
    const plain = file("s3cret");
    for (const [path, reason, message] of [
      [none, "SECRET_UNAVAILABLE", `${none}: no such file or directory`],
      [`${plain}/x`, "SECRET_UNAVAILABLE", `${plain}/x: not a directory`],
      [loop, "SECRET_UNTRUSTED", `${loop} leads through more than 40 symbolic links`],
      [file(""), "SECRET_UNAVAILABLE", "there is nothing in it"],
      [file("\n"), "SECRET_UNAVAILABLE", "there is nothing in it"],
      [file("x".repeat((64 << 10) + 1)), "SECRET_UNAVAILABLE", "it is longer than 64 KiB"],
      [
        file(Buffer.from([0xff, 0xfe])),
        "SECRET_UNAVAILABLE",
        "it is no text in UTF-8; for bytes, encode them, or have the plugin read a file",
      ],
    ] as const)
      await assert.rejects(read(path), { code: 9, reason, message: `secret+file:${path}: ${message}` });
  });
});

describe("SecretResolver.resolve() of a variable", () => {
  it("gives it as it is", async () => {
    const resolver = resolverWith({ env: { PASSWORD: "s3cret\n", EMPTY: "" } });
    assert.equal(await resolver.resolve({ kind: "env", name: "PASSWORD" }), "s3cret\n");
    for (const [name, message] of [
      ["NONE", "secret+env:NONE: the daemon's environment has no such variable"],
      ["EMPTY", "secret+env:EMPTY: there is nothing in it"],
    ] as const)
      await assert.rejects(resolver.resolve({ kind: "env", name }), {
        code: 9,
        reason: "SECRET_UNAVAILABLE",
        message,
      });
  });
});

describe("SecretResolver.resolve() of a program", { concurrency: 2 }, () => {
  it("gives what it says, and asks no shell", async () => {
    assert.equal(
      await run(program("printf '%s|' \"$@\"; echo"), ["a", "$HOME", "`id`", ";"]),
      "a|$HOME|`id`|;|",
    );
  });

  it("runs it with the few variables that every plugin has, and an empty standard input", async () => {
    const env = { PATH: "/usr/bin:/bin", TZ: "UTC", DB_PASSWORD: "canary" };
    const said = await run(program("cat; env"), [], resolverWith({ env }));
    assert.deepEqual(
      said
        .split("\n")
        .filter((each) => !/^(_|PWD|OLDPWD|SHLVL)=/.test(each))
        .sort(),
      ["PATH=/usr/bin:/bin", "TZ=UTC"],
    );
  });

  it("tells a program of many names which it is", async () => {
    const link = join(folder, "sh-by-another-name");
    symlinkSync("/bin/sh", link);
    assert.equal(await run(link, ["-c", "echo $0"]), link);
  });

  it("refuses one that others can write, and does not run it", async () => {
    const trace = join(folder, "it-ran");
    const path = program(`touch ${trace}; echo s3cret`, 0o770);
    await assert.rejects(run(path), {
      code: 9,
      reason: "SECRET_UNTRUSTED",
      message: `secret+exec:${path}: ${path} can be written by its group (mode 0770); nobody but its owner should be able to, as with "chmod go-w"`,
    });
    assert.equal(existsSync(trace), false);
  });

  it("says how it failed, and nothing of what it said", async () => {
    const plain = program("echo s3cret", 0o600);
    const wrong = file("#!/no/such/interpreter\n", 0o700);
    for (const [path, message] of [
      [
        program("echo s3cret; echo canary >&2; exit 3"),
        "ended with exit status 3 (7 bytes on its standard error are not shown)",
      ],
      [program("exit 4"), "ended with exit status 4"],
      [program("kill -9 $$"), "was killed by SIGKILL"],
      [program("exit 0"), "there is nothing in it"],
      [program("exec yes"), "says more than 64 KiB"],
      [plain, `${plain}: permission denied`],
      [wrong, "cannot be run: no such file or directory"],
      [join(folder, "none"), `${join(folder, "none")}: no such file or directory`],
    ] as const)
      await assert.rejects(run(path), { code: 9, message: `secret+exec:${path}: ${message}` });
  });

  it("ends one that takes too long, with all it started", async () => {
    const clock = new FakeClock();
    const pids = join(folder, "pids");
    const path = program(`sleep 600 & echo $! $$ > ${pids}.new; mv ${pids}.new ${pids}; wait`);
    const failed = assert.rejects(run(path, [], resolverWith({ clock })), {
      code: 9,
      reason: "SECRET_PROGRAM",
      message: `secret+exec:${path}: did not end within 10 s`,
    });
    while (!existsSync(pids)) await systemClock.sleep(5);
    await clock.advance(10_000);
    await failed;
    for (const pid of readFileSync(pids, "utf8").trim().split(" "))
      while (isRunning(Number(pid))) await systemClock.sleep(5);
  });

  it("ends with its signal", async () => {
    const stop = new AbortController();
    const running = resolverWith().resolve(
      { kind: "exec", path: program("exec sleep 600"), args: [] },
      { signal: stop.signal },
    );
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(running, { name: "AbortError" });
  });

  it("gives the secret although something that it started holds its output open", async () => {
    assert.equal(await run(program("sleep 600 & echo s3cret")), "s3cret");
  });
});
