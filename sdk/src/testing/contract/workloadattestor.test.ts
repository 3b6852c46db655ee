import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { WorkloadAttestor } from "../../agent.ts";
import { bool, decodeConfig } from "../../hcl/index.ts";
import { definePlugin } from "../../plugin/define-plugin.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import { loadPlugin } from "../load-plugin.ts";
import { type ContractWorkload, workloadAttestorContract } from "./workloadattestor.ts";

function selectorsOf(pid: number): { readonly selectorValues: readonly string[] } {
  const path = `/proc/${pid}`;
  if (pid <= 0) throw new StatusError(Code.InvalidArgument, "PID", `no process has the id ${pid}`);
  if (!existsSync(path)) return { selectorValues: [] };
  const { uid, gid } = statSync(path);
  return { selectorValues: [`uid:${uid}`, `gid:${gid}`] };
}

function pidOf(reference: { readonly typeUrl: string; readonly value: Buffer } | undefined): number {
  if (!reference?.typeUrl.endsWith("/spiffe.broker.WorkloadPIDReference"))
    throw new StatusError(Code.InvalidArgument, "REFERENCE", "only references to processes are known");
  const reader = new BinaryReader(reference.value);
  reader.tag();
  return reader.int32();
}

const owner = (references: boolean) =>
  definePlugin({
    type: WorkloadAttestor,
    name: "owner",
    parseConfig: (text) => decodeConfig(text, { quiet: bool() }),
    open: () => ({
      service: {
        attest: ({ pid }) => selectorsOf(pid),
        ...(references && { attestReference: ({ reference }) => selectorsOf(pidOf(reference)) }),
      },
    }),
  });

async function startWorkload(): Promise<ContractWorkload> {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  const exited = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    selectorValues: [`uid:${process.getuid?.()}`],
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

for (const references of [false, true])
  workloadAttestorContract({ load: () => loadPlugin(owner(references), { config: "" }), startWorkload });
