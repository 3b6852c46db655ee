import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { WorkloadAttestor } from "@finial/sdk/agent";
import { type ContractWorkload, loadPlugin, workloadAttestorContract } from "@finial/sdk/testing";
import { plugin, unixPlugin } from "./plugin.ts";

async function startWorkload(): Promise<ContractWorkload> {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  const exited = once(child, "exit");
  const program = await realpath("/bin/sleep");
  const digest = createHash("sha256")
    .update(await readFile(program))
    .digest("hex");
  return {
    pid: child.pid ?? 0,
    selectorValues: [
      `uid:${process.geteuid?.()}`,
      `gid:${process.getegid?.()}`,
      `path:${program}`,
      `sha256:${digest}`,
    ],
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

workloadAttestorContract({
  load: () => loadPlugin(plugin, { config: "discover_workload_path = true" }),
  startWorkload,
});

/** A machine of files: process 7, whose program has four octets, and process 8, which hides its own. */
async function machine(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "unix-"));
  await mkdir(join(path, "7"));
  await mkdir(join(path, "8"));
  const status = "Name:\tx\nUid:\t1\t1000\t1\t1\nGid:\t1\t1001\t1\t1\nGroups:\t20 30 20 31\n";
  for (const pid of ["7", "8"]) await writeFile(join(path, pid, "status"), status);
  await mkdir(join(path, "9"));
  await writeFile(join(path, "9", "status"), "Name:\tx\n");
  await writeFile(join(path, "program"), "data");
  await symlink(join(path, "program"), join(path, "7", "exe"));
  await writeFile(join(path, "passwd"), "nginx:x:1000:1001::/:/bin/false\n");
  await writeFile(join(path, "group"), "www-data:x:1001:\nadm:x:30:\nadm:x:31:\n");
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

const general = [
  "uid:1000",
  "user:nginx",
  "gid:1001",
  "group:www-data",
  "supplementary_gid:20",
  "supplementary_gid:30",
  "supplementary_group:adm",
  "supplementary_gid:31",
];

describe('WorkloadAttestor "unix"', () => {
  it("gives users, groups and the program, as much as it is configured to", async () => {
    await using files = await machine();
    const program = `path:${join(files.path, "program")}`;
    const digest = `sha256:${createHash("sha256").update("data").digest("hex")}`;
    await using loaded = await loadPlugin(
      unixPlugin({
        procPath: files.path,
        passwdPath: join(files.path, "passwd"),
        groupPath: join(files.path, "group"),
      }),
    );
    const path = "discover_workload_path = true";
    for (const [config, more] of [
      ["", []],
      [path, [program, digest]],
      [`${path}\nworkload_size_limit = 4`, [program, digest]],
      [`${path}\nworkload_size_limit = -1`, [program]],
    ] as const) {
      await loaded.configure(config);
      const { selectorValues } = await loaded.client(WorkloadAttestor.definition).attest({ pid: 7 });
      assert.deepEqual(selectorValues, [...general, ...more]);
    }
  });

  it("gives no names where there are none", async () => {
    await using files = await machine();
    const nowhere = join(files.path, "nowhere");
    await using loaded = await loadPlugin(
      unixPlugin({ procPath: files.path, passwdPath: nowhere, groupPath: nowhere }),
      { config: "" },
    );
    const { selectorValues } = await loaded.client(WorkloadAttestor.definition).attest({ pid: 7 });
    assert.deepEqual(
      selectorValues,
      general.filter((value) => /^(uid|gid|supplementary_gid):/.test(value)),
    );
  });

  it("fails rather than leave a selector out", async () => {
    await using files = await machine();
    const { path } = files;
    await using loaded = await loadPlugin(
      unixPlugin({ procPath: path, passwdPath: join(path, "passwd"), groupPath: join(path, "group") }),
    );
    await loaded.configure("discover_workload_path = true\nworkload_size_limit = 3");
    for (const [pid, message] of [
      [0, "failed to get process: invalid pid 0"],
      [6, "failed to get process: process does not exist"],
      [7, `SHA256 digest: workload ${path}/7/exe exceeds size limit (4 > 3)`],
      [8, `path lookup: readlink ${path}/8/exe: no such file or directory`],
      [9, "UIDs lookup: no UIDs for process"],
    ] as const)
      await assert.rejects(loaded.client(WorkloadAttestor.definition).attest({ pid }), {
        code: Code.Internal,
        message,
      });
    await rm(join(path, "program"));
    await assert.rejects(loaded.client(WorkloadAttestor.definition).attest({ pid: 7 }), {
      code: Code.Internal,
      message: `SHA256 digest: open ${path}/7/exe: no such file or directory`,
    });
  });

  it("bounds the digest of a program that does not tell its size", async () => {
    await using files = await machine();
    const { path } = files;
    await symlink("/proc/cpuinfo", join(path, "8", "exe"));
    await using loaded = await loadPlugin(unixPlugin({ procPath: path, passwdPath: "", groupPath: "" }), {
      config: "discover_workload_path = true\nworkload_size_limit = 100",
    });
    await assert.rejects(loaded.client(WorkloadAttestor.definition).attest({ pid: 8 }), {
      code: Code.Internal,
      message: /^SHA256 digest: workload .*\/8\/exe exceeds size limit \(\d+ > 100\)$/,
    });
  });

  it("takes no path that is not UTF-8 for another that is", async () => {
    await using files = await machine();
    const { path } = files;
    const strange = Buffer.concat([Buffer.from(`${path}/`), Buffer.of(0xff)]);
    await symlink(strange, join(path, "8", "exe"));
    await using loaded = await loadPlugin(unixPlugin({ procPath: path, passwdPath: "", groupPath: "" }), {
      config: "discover_workload_path = true\nworkload_size_limit = -1",
    });
    const client = loaded.client(WorkloadAttestor.definition);
    await assert.rejects(client.attest({ pid: 8 }), {
      code: Code.Internal,
      message: "path lookup: the program's path is not UTF-8",
    });
  });

  it("gives 65536 groups, as many as the kernel allows", async () => {
    await using files = await machine();
    const { path } = files;
    const gids = Array.from({ length: 65_536 }, (_, index) => index + 2000);
    await writeFile(
      join(path, "8", "status"),
      `Uid:\t1\t1000\t1\t1\nGid:\t1\t1001\t1\t1\nGroups:\t${gids.join(" ")} \n`,
    );
    await writeFile(join(path, "group"), gids.map((gid) => `g${gid}:x:${gid}:\n`).join(""));
    await using loaded = await loadPlugin(
      unixPlugin({ procPath: path, passwdPath: "", groupPath: join(path, "group") }),
      { config: "" },
    );
    const client = loaded.client(WorkloadAttestor.definition);
    const { selectorValues } = await client.attest({ pid: 8 });
    assert.equal(selectorValues.length, 2 + 2 * gids.length);
    assert.equal(selectorValues.at(-1), "supplementary_group:g67535");
  });

  it("names a running program that was deleted as the kernel does, and digests what still runs", async () => {
    const folder = await mkdtemp(join(tmpdir(), "unix-"));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(folder, { recursive: true }));
    const program = join(await realpath(folder), "program");
    await copyFile("/bin/sleep", program);
    const child = spawn(program, ["60"], { stdio: "ignore" });
    await once(child, "spawn");
    const exited = once(child, "exit");
    const digest = createHash("sha256")
      .update(await readFile(program))
      .digest("hex");
    await rm(program);
    await using loaded = await loadPlugin(plugin, { config: "discover_workload_path = true" });
    const client = loaded.client(WorkloadAttestor.definition);
    const { selectorValues } = await client.attest({ pid: child.pid ?? 0 });
    assert.deepEqual(selectorValues.slice(-2), [`path:${program} (deleted)`, `sha256:${digest}`]);
    child.kill("SIGKILL");
    await exited;
    await assert.rejects(client.attest({ pid: child.pid ?? 0 }), {
      code: Code.Internal,
      message: "failed to get process: process does not exist",
    });
  });

  it("gives all selectors or an error while processes come to their end", async () => {
    await using loaded = await loadPlugin(plugin, { config: "discover_workload_path = true" });
    const client = loaded.client(WorkloadAttestor.definition);
    for (let round = 0; round < 20; round++) {
      const child = spawn("true", { stdio: "ignore" });
      await once(child, "spawn");
      const exited = once(child, "exit");
      const attempts = await Promise.allSettled(
        Array.from({ length: 10 }, () => client.attest({ pid: child.pid ?? 0 })),
      );
      await exited;
      for (const attempt of attempts) {
        if (attempt.status === "fulfilled")
          assert.deepEqual(
            ["uid", "gid", "path", "sha256"].filter(
              (kind) => !attempt.value.selectorValues.some((value) => value.startsWith(`${kind}:`)),
            ),
            [],
          );
        else assert.equal(attempt.reason.code, Code.Internal, attempt.reason.message);
      }
    }
  });
});
