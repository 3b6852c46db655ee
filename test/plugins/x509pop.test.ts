import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type KeyPairType, keyUsageExtension, PublicKey, toPem } from "@finial/sdk/crypto";
import { type TestCa, testCa } from "@finial/sdk/testing";
import { finialCommand } from "../support/binaries.ts";
import { Daemon } from "../support/daemon.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import {
  agentPlugins,
  commandsOf,
  ours,
  oursInSpire,
  pluginBlock,
  type Side,
  serverPlugins,
  skipOf,
  theirs,
} from "../support/sides.ts";

interface Node {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly certificate: X509Certificate;
}

const certificatesPem = (ders: readonly Buffer[]): string =>
  ders.map((der) => toPem("CERTIFICATE", der)).join("");

/** A node's certificate and key as files in a folder. */
async function makeNode(ca: TestCa, folder: string, keyType: KeyPairType = "ec-p256"): Promise<Node> {
  const { privateKey } = await ca.x509Svid("/unused", { keyType });
  const der = await ca.certify(PublicKey.of(privateKey), {
    subject: { commonName: "node-1" },
    extensions: [keyUsageExtension(["digitalSignature"])],
  });
  const [certificatePath, keyPath] = [join(folder, "node.pem"), join(folder, "node.key")];
  writeFileSync(certificatePath, certificatesPem([der, ...ca.chainDer]));
  writeFileSync(keyPath, privateKey.export({ format: "pem", type: "pkcs8" }));
  return { certificatePath, keyPath, certificate: new X509Certificate(der) };
}

interface ListedAgent {
  readonly id: { readonly path: string };
  readonly can_reattest: boolean;
  readonly selectors: readonly { readonly type: string; readonly value: string }[];
}

async function listAgents(deployment: Deployment): Promise<readonly ListedAgent[]> {
  const output = await deployment.serverCliOk("agent", "list", "-output", "json");
  return (JSON.parse(output) as { readonly agents?: readonly ListedAgent[] }).agents ?? [];
}

describe('NodeAttestor "x509pop"', { concurrency: 3 }, () => {
  for (const [server, agent, keyType] of [
    [ours, ours, "ec-p256"],
    [oursInSpire, oursInSpire, "ec-p256"],
    [oursInSpire, theirs, "rsa-2048"],
    [theirs, oursInSpire, "rsa-2048"],
    [theirs, ours, "ec-p384"],
    [ours, theirs, "ec-p384"],
  ] as const) {
    const title = [server, agent].map(({ program, plugin }) => `${plugin}'s half in ${program}`).join(", ");
    it(`attests, and attests again after an eviction: ${title}, ${keyType}`, {
      skip: skipOf(server, agent),
    }, async () => {
      const ca = await testCa();
      const middle = await ca.intermediate("middle");
      await using deployment = await Deployment.create({
        ...commandsOf(server, agent),
        serverPlugins: (folder) => {
          writeFileSync(join(folder, "agents.pem"), ca.rootPem);
          const data = `      ca_bundle_path = "${folder}/agents.pem"
      agent_path_template = "/cn/{{ .Subject.CommonName | upper }}"`;
          const place = "server/nodeattestor/x509pop";
          return serverPlugins(folder, pluginBlock('NodeAttestor "x509pop"', place, server, data));
        },
        agentPlugins: (folder) => {
          const data = `      certificate_path = "${node.certificatePath}"\n      private_key_path = "${node.keyPath}"`;
          const place = "agent/nodeattestor/x509pop";
          return agentPlugins(folder, pluginBlock('NodeAttestor "x509pop"', place, agent, data));
        },
      });
      const node = await makeNode(middle, deployment.folder, keyType);
      await deployment.startServer();
      await deployment.startAgent("");

      const attested = async (): Promise<ListedAgent> => {
        const [listed, ...others] = await listAgents(deployment);
        assert.ok(listed && others.length === 0, "one agent");
        return listed;
      };
      const fingerprint = (der: Buffer): string => createHash("sha1").update(der).digest("hex");
      const expected = [
        "subject:cn:node-1",
        `ca:fingerprint:${fingerprint(middle.chainDer[0] as Buffer)}`,
        `ca:fingerprint:${fingerprint(ca.rootDer)}`,
        `serialnumber:${node.certificate.serialNumber.toLowerCase()}`,
      ];
      const check = (listed: ListedAgent): void => {
        assert.equal(listed.id.path, "/spire/agent/cn/NODE-1");
        assert.equal(listed.can_reattest, true);
        const values = listed.selectors.map(({ type, value }) => `${type}:${value}`);
        assert.deepEqual(new Set(values), new Set(expected.map((value) => `x509pop:${value}`)));
      };
      check(await attested());

      const spiffeId = `spiffe://example.org${(await attested()).id.path}`;
      await deployment.serverCliOk("agent", "evict", "-spiffeID", spiffeId);
      check(await eventually(attested, { timeoutMs: 30_000, everyMs: 250 }));
    });
  }
});

describe('NodeAttestor "x509pop" in the mode spiffe', () => {
  for (const half of [ours, oursInSpire])
    it(`exchanges the SVID that one agent gives another: finial's halves in ${half.program}`, {
      skip: skipOf(half),
    }, async () => {
      const place = "server/nodeattestor/x509pop";
      await using deployment = await Deployment.create({
        ...commandsOf(half, half),
        serverPlugins: (folder) =>
          serverPlugins(folder, pluginBlock('NodeAttestor "x509pop"', place, half, '      mode = "spiffe"')),
      });
      await deployment.startServer();
      await deployment.startAgent();
      await deployment.createEntry("/spire-exchange/testhost", [`unix:uid:${process.getuid?.()}`]);

      await using second = await startSecondAgent(deployment, half);
      await eventually(
        async () => {
          second.assertRunning();
          const paths = (await listAgents(deployment)).map(({ id }) => id.path);
          assert.ok(paths.includes("/spire/agent/x509pop/testhost"), `${paths}\n${second.log.slice(-3000)}`);
        },
        { timeoutMs: 30_000, everyMs: 250 },
      );
    });
});

/** An agent that attests with what the deployment's own agent gives it. */
async function startSecondAgent(deployment: Deployment, half: Side): Promise<Daemon> {
  const { folder, workloadSocket } = deployment;
  const data = `      spiffe_endpoint_socket = "unix://${workloadSocket}"`;
  const nodeAttestor = pluginBlock('NodeAttestor "x509pop"', "agent/nodeattestor/x509pop", half, data);
  const dataFolder = join(folder, "second");
  const config = readFileSync(deployment.agentConfigPath, "utf8")
    .replace(/^plugins \{[\s\S]*/m, `plugins {${agentPlugins(dataFolder, nodeAttestor)}}`)
    .replace(/^ {2}join_token = .*$/m, "")
    .replace(`"${deployment.agentFolder}"`, `"${dataFolder}"`)
    .replace(`"${workloadSocket}"`, `"${folder}/second.sock"`);
  const path = join(folder, "second.conf");
  writeFileSync(path, config);
  // The first agent has no identity to give before it has heard of the entry.
  await eventually(() => deployment.agentCliOk("api", "fetch", "x509"), { timeoutMs: 30_000, everyMs: 250 });
  const command = commandsOf(half, half).agentCommand ?? finialCommand("finial-agent");
  return Daemon.start("second agent", [...command, "run", "-config", path], {
    logFile: join(folder, "second.log"),
    cwd: folder,
  });
}
