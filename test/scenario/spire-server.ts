import { X509Certificate } from "node:crypto";
import { spireCommand } from "../support/binaries.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { type Scenario, Skipped } from "../support/scenario.ts";

const selector = `unix:uid:${process.getuid?.()}`;

export const scenario: Scenario = {
  title: "Finial's agent serves workloads from a real spire-server, over rotations, a restart and a ban",
  quick: true,
  async run({ step, say }) {
    const serverCommand = spireCommand("spire-server");
    if (serverCommand === undefined) throw new Skipped("SPIRE_BIN_DIR does not say where a spire-server is");
    await using deployment = await Deployment.create({ serverCommand });
    await deployment.startServer();
    await deployment.startAgent();
    step("the agent attested to spire-server with a join token");

    await deployment.createEntry("/workload", [selector], "-x509SVIDTTL", "20");
    const first = await eventually(() => fetchSerial(deployment), { timeoutMs: 20_000 });
    say(`X509-SVID ${first}`);
    const second = await eventually(
      async () => {
        const serial = await fetchSerial(deployment);
        if (serial === first) throw new Error("no rotation");
        return serial;
      },
      { timeoutMs: 30_000 },
    );
    say(`X509-SVID ${second}`);
    const jwt = await deployment.agentCliOk("api", "fetch", "jwt", "-audience", "demo", "-output", "json");
    const token = /"svid":\s*"([^"]+)"/.exec(jwt)?.[1] ?? "";
    await deployment.agentCliOk("api", "validate", "jwt", "-audience", "demo", "-svid", token);
    step("a workload got X509-SVIDs over a rotation, and a JWT-SVID that holds");

    await deployment.agent?.stop();
    await deployment.restartAgent();
    await eventually(() => fetchSerial(deployment), { timeoutMs: 20_000 });
    step("after a restart the agent goes on with the SVID it has");

    const agents = await deployment.serverCliOk("agent", "list");
    const agentId = /SPIFFE ID\s*: (\S+)/.exec(agents)?.[1] ?? "";
    await deployment.serverCliOk("agent", "ban", "-spiffeID", agentId);
    await eventually(
      async () => {
        if (deployment.agent?.running) throw new Error("the banned agent still runs");
      },
      { timeoutMs: 30_000 },
    );
    if (!deployment.agent?.log.includes("Agent is banned: removing SVID and shutting down"))
      throw new Error(`the agent does not say that it is banned: ${deployment.agent?.log.slice(-1000)}`);
    step("banned, the agent removed its SVID and ended");
    return "attestation, entries, 2 X509-SVIDs, 1 JWT-SVID, restart and ban, all by spire-server";
  },
};

async function fetchSerial(deployment: Deployment): Promise<string> {
  const output = await deployment.agentCliOk("api", "fetch", "x509", "-output", "json");
  const { svids } = JSON.parse(output) as { readonly svids: readonly { readonly x509_svid: string }[] };
  return new X509Certificate(Buffer.from(svids[0]?.x509_svid ?? "", "base64")).serialNumber;
}
