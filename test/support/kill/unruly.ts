import { join } from "node:path";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { generatePrivateKey } from "@finial/sdk/crypto";
import { createClient } from "@finial/sdk/internal";
import { certificateRequest, openServer, type ServerAddress } from "../attested-client.ts";

const program = join(import.meta.dirname, "..", "..", "unruly", "dist", "plugin.mjs");

/** A NodeAttestor of the server that does what no plugin may do. */
export const unruly = {
  block: `NodeAttestor "unruly" { plugin_cmd = "${process.execPath}" plugin_args = ["${program}"] plugin_data {} }`,
  /** What its command line has in it. */
  mark: program,
};

/** Has it do something: `message of 1 GiB`, `log flood`, `garbage on stdout`; anything else is no harm. @returns what it answers. */
export async function provoke(server: ServerAddress, deed: string): Promise<string> {
  using channel = openServer(server);
  const call = createClient(AgentDefinition, channel).attestAgent({ deadlineMs: 30_000 });
  const csr = await certificateRequest(await generatePrivateKey("ec-p256"));
  const data = { type: "unruly", payload: Buffer.from(deed) };
  await call.send({ step: { $case: "params", value: { data, params: { csr } } } });
  try {
    for await (const { step } of call) return `${step?.$case}`;
    return "nothing";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
