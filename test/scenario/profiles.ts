import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { generatePrivateKey, parseCertificatesPem } from "@finial/sdk/crypto";
import { AttestedClient, certificateRequest, type TestSvid } from "../support/attested-client.ts";
import { spireCommand } from "../support/binaries.ts";
import { runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { buildGoProgram } from "../support/go-program.ts";
import { type BundleDocument, checkJwtProfile } from "../support/jwt-profile.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";
import { goReader } from "../support/x509/go.ts";
import { opensslReader } from "../support/x509/openssl.ts";
import { peculiarReader } from "../support/x509/peculiar.ts";
import { checkX509Profile, type ExpectedCertificate } from "../support/x509/profile.ts";
import type { CertificateReader } from "../support/x509/reading.ts";

type KeyType = "ec-p256" | "ec-p384" | "rsa-2048" | "rsa-4096";

interface Variant {
  readonly keyType: KeyType;
  /** Signed by the UpstreamAuthority `disk`, whose root is made with the `openssl` command. */
  readonly upstream: boolean;
  readonly jwtIssuer?: string;
}

const shortRun: readonly Variant[] = [
  { keyType: "ec-p256", upstream: false },
  { keyType: "rsa-2048", upstream: true, jwtIssuer: "https://issuer.example.org" },
];
const fullRun: readonly Variant[] = [
  ...shortRun,
  { keyType: "ec-p384", upstream: false },
  { keyType: "rsa-4096", upstream: false },
  { keyType: "ec-p256", upstream: true },
  { keyType: "ec-p384", upstream: true },
];
const jwtAlgorithms = { "ec-p256": "ES256", "ec-p384": "ES384", "rsa-2048": "RS256", "rsa-4096": "RS256" };

const caTtlSeconds = 24 * 3600;
const defaultX509TtlSeconds = 3600;
const defaultJwtTtlSeconds = 300;
/** Longer than any authority of this run. */
const endlessTtlSeconds = 30 * 24 * 3600;

export const scenario: Scenario = {
  title:
    "every certificate and token is as the profiles say, field by field, for OpenSSL, Go and @peculiar/x509",
  quick: false,
  async run(context) {
    const readers = [await opensslReader(), await goReader(), peculiarReader()];
    const jwtcheck = await buildGoProgram("jwtcheck");
    const counts = { certificates: 0, tokens: 0 };
    for (const variant of context.full ? fullRun : shortRun)
      await checkServer(variant, { context, readers, jwtcheck, counts });
    const spire = spireCommand("spire-server");
    if (spire !== undefined) {
      for (const variant of shortRun)
        await checkServer(variant, { context, readers, jwtcheck, counts, command: spire });
      context.step("SPIRE's own server passes the same tables");
    }
    return `${counts.certificates} certificates, each read by ${readers.map(({ name }) => name).join(", ")}, and ${counts.tokens} JWT-SVIDs, read by go-spiffe and verified by OpenSSL: no field differs`;
  },
};

interface Check {
  readonly context: ScenarioContext;
  readonly readers: readonly CertificateReader[];
  readonly jwtcheck: string;
  readonly counts: { certificates: number; tokens: number };
  readonly command?: readonly string[];
}

async function checkServer(variant: Variant, check: Check): Promise<void> {
  const { keyType, upstream, jwtIssuer } = variant;
  const { context, counts } = check;
  await using deployment = await Deployment.create({
    ...(check.command && { serverCommand: check.command }),
    server: `  ca_key_type = "${keyType}"\n  jwt_key_type = "${keyType}"\n  ca_ttl = "${caTtlSeconds}s"${
      jwtIssuer === undefined ? "" : `\n  jwt_issuer = "${jwtIssuer}"`
    }`,
    serverPlugins: (folder) => `
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" } }
  KeyManager "disk" { plugin_data { keys_path = "${folder}/keys.json" } }
  NodeAttestor "join_token" { plugin_data {} }${
    upstream
      ? `\n  UpstreamAuthority "disk" { plugin_data { cert_file_path = "${folder}/upstream.pem" key_file_path = "${folder}/upstream.key" } }`
      : ""
  }`,
  });
  if (upstream) await makeUpstreamRoot(deployment.folder);
  await deployment.startServer();
  await createEntries(deployment);

  const issued = await issueAll(deployment, upstream);
  for (const certificate of issued.certificates)
    await checkX509Profile(certificate, check.readers, deployment.folder);
  counts.certificates += issued.certificates.length;
  const bundle: BundleDocument = JSON.parse(
    await deployment.serverCliOk("bundle", "show", "-format", "spiffe"),
  );
  const algorithm = jwtAlgorithms[keyType];
  for (const token of issued.tokens)
    await checkJwtProfile({ ...token, algorithm, issuer: jwtIssuer }, bundle, {
      ...deployment,
      jwtcheck: check.jwtcheck,
    });
  counts.tokens += issued.tokens.length;
  context.step(
    `${check.command ? "SPIRE's server" : "a server"} with ${keyType} keys, ${upstream ? "below an upstream root" : "its own root"}`,
  );
  context.say(issued.certificates.map(({ title }) => title).join(", "));
  context.say(issued.tokens.map(({ title }) => title).join(", "));
}

async function makeUpstreamRoot(folder: string): Promise<void> {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
  const out = ["-keyout", join(folder, "upstream.key"), "-out", join(folder, "upstream.pem")];
  const fields = [
    "-days",
    "10",
    "-subj",
    "/C=US/O=Upstream/CN=root",
    "-addext",
    "keyUsage=critical,keyCertSign",
  ];
  const { status, stderr } = await runCommand([
    "openssl",
    "req",
    "-x509",
    "-nodes",
    ...curve,
    ...out,
    ...fields,
  ]);
  if (status !== 0) throw new Error(`openssl req: ${stderr}`);
}

async function createEntries(deployment: Deployment): Promise<void> {
  const create = (path: string, ...flags: string[]): Promise<string> =>
    deployment.createEntry(path, ["unix:uid:0"], ...flags);
  await create("/plain");
  await create("/named", "-dns", "web.example.org", "-dns", "*.db.example.org", "-x509SVIDTTL", "600");
  await create("/endless", "-x509SVIDTTL", `${endlessTtlSeconds}`, "-jwtSVIDTTL", `${endlessTtlSeconds}`);
  await create("/unique", "-jwtSVIDTTL", "120", "-jwtSVIDIncludeJTI");
  await create("/below", "-downstream");
}

type Token = Omit<Parameters<typeof checkJwtProfile>[0], "algorithm" | "issuer">;

/** One of everything a server issues. */
async function issueAll(
  deployment: Deployment,
  upstream: boolean,
): Promise<{ readonly certificates: readonly ExpectedCertificate[]; readonly tokens: readonly Token[] }> {
  const { trustDomain, serverPort } = deployment;
  const bundlePem = await deployment.serverCliOk("bundle", "show");
  const rootsDer = parseCertificatesPem(bundlePem);
  const server = { address: `127.0.0.1:${serverPort}`, trustDomain, bundlePem };
  using agent = await AttestedClient.attest(server, await deployment.createJoinToken());
  const agentId = agent.spiffeId;

  // Below an upstream root the server's CA is sent along; else it is the root.
  const [root = Buffer.alloc(0)] = rootsDer;
  const caDer = agent.svid.chainDer[1] ?? root;
  const common = { rootsDer, issuerDer: caDer, kind: "svid", subject: "O=SPIRE,C=US" } as const;
  const id = (path: string): string => `spiffe://${trustDomain}${path}`;

  const renewalKey = await generatePrivateKey("ec-p256");
  const renewed = await agent
    .client(AgentDefinition)
    .renewAgent({ params: { csr: await certificateRequest(renewalKey) } });
  using renewedAgent = AttestedClient.connect(server, {
    key: renewalKey,
    chainDer: renewed.svid?.certChain ?? [],
  });
  const workload = await Workloads.find(renewedAgent, trustDomain);
  const below = await workload.x509Svid("/below", "ec-p256");
  using downstream = AttestedClient.connect(server, below);
  const downstreamKey = await generatePrivateKey("ec-p384");
  const ca = await downstream.client(SVIDDefinition).newDownstreamX509CA({
    csr: await certificateRequest(downstreamKey, { uris: [id("")] }),
    preferredTtl: 3600,
  });
  const minted = join(deployment.folder, "minted");
  mkdirSync(minted);
  const mint = ["-spiffeID", id("/minted"), "-dns", "mint.example.org", "-ttl", "5m", "-write", minted];
  await deployment.serverCliOk("x509", "mint", ...mint);

  const certificates: readonly ExpectedCertificate[] = [
    {
      ...common,
      title: upstream ? "CA below the upstream root" : "root CA",
      kind: "ca",
      chainDer: [caDer],
      issuerDer: root,
      subject: "SERIALNUMBER=#,O=SPIFFE,C=US",
      uri: id(""),
      ttlSeconds: caTtlSeconds,
    },
    {
      ...common,
      title: "server SVID",
      chainDer: await serverChain(serverPort),
      uri: id("/spire/server"),
      ttlSeconds: defaultX509TtlSeconds,
    },
    {
      ...common,
      title: "agent SVID",
      chainDer: agent.svid.chainDer,
      uri: agentId,
      ttlSeconds: defaultX509TtlSeconds,
    },
    {
      ...common,
      title: "renewed agent SVID",
      chainDer: renewedAgent.svid.chainDer,
      uri: agentId,
      ttlSeconds: defaultX509TtlSeconds,
    },
    {
      ...common,
      title: "workload SVID",
      chainDer: (await workload.x509Svid("/plain", "rsa-2048")).chainDer,
      uri: id("/plain"),
      ttlSeconds: defaultX509TtlSeconds,
    },
    {
      ...common,
      title: "workload SVID with DNS names",
      chainDer: (await workload.x509Svid("/named", "ec-p256")).chainDer,
      subject: "CN=web.example.org,O=SPIRE,C=US",
      uri: id("/named"),
      dnsNames: ["web.example.org", "*.db.example.org"],
      ttlSeconds: 600,
    },
    {
      ...common,
      title: "workload SVID as long as its CA",
      chainDer: (await workload.x509Svid("/endless", "ec-p384")).chainDer,
      uri: id("/endless"),
      ttlSeconds: "issuer",
    },
    {
      ...common,
      title: "minted SVID",
      chainDer: parseCertificatesPem(readFileSync(join(minted, "svid.pem"), "utf8")),
      subject: "CN=mint.example.org,O=SPIRE,C=US",
      uri: id("/minted"),
      dnsNames: ["mint.example.org"],
      ttlSeconds: 300,
    },
    {
      ...common,
      title: "downstream CA",
      kind: "ca",
      chainDer: ca.caCertChain,
      subject: "SERIALNUMBER=#,OU=DOWNSTREAM-1,O=SPIFFE,C=US",
      uri: id(""),
      ttlSeconds: 3600,
    },
  ];
  return { certificates, tokens: await issueTokens(deployment, workload) };
}

async function issueTokens(deployment: Deployment, workload: Workloads): Promise<readonly Token[]> {
  const id = (path: string): string => `spiffe://${deployment.trustDomain}${path}`;
  const mint = ["-spiffeID", id("/minted"), "-audience", "first", "-audience", "second", "-ttl", "10m"];
  const json: { jwt_authorities: readonly { expires_at: string }[] } = JSON.parse(
    await deployment.serverCliOk("bundle", "show", "-output", "json"),
  );
  return [
    {
      title: "workload JWT-SVID",
      token: await workload.jwtSvid("/plain", ["test", "other"]),
      spiffeId: id("/plain"),
      audience: ["test", "other"],
      ttlSeconds: defaultJwtTtlSeconds,
    },
    {
      title: "workload JWT-SVID with jti",
      token: await workload.jwtSvid("/unique", ["test"]),
      spiffeId: id("/unique"),
      audience: ["test"],
      ttlSeconds: 120,
      hasJti: true,
    },
    {
      title: "workload JWT-SVID as long as its key",
      token: await workload.jwtSvid("/endless", ["test"]),
      spiffeId: id("/endless"),
      audience: ["test"],
      ttlSeconds: { keyEndsAt: Number(json.jwt_authorities[0]?.expires_at) },
    },
    {
      title: "minted JWT-SVID",
      token: (await deployment.serverCliOk("jwt", "mint", ...mint)).trim(),
      spiffeId: id("/minted"),
      audience: ["first", "second"],
      ttlSeconds: 600,
    },
  ];
}

/** What an agent gets for its workloads. */
class Workloads {
  readonly #agent: AttestedClient;
  readonly #entryIds: ReadonlyMap<string, string>;

  private constructor(agent: AttestedClient, entryIds: ReadonlyMap<string, string>) {
    this.#agent = agent;
    this.#entryIds = entryIds;
  }

  /** Waits until the server has all entries of this agent in its cache. */
  static async find(agent: AttestedClient, trustDomain: string): Promise<Workloads> {
    return await eventually(
      async () => {
        const { entries } = await agent.client(EntryDefinition).getAuthorizedEntries({});
        const ids = new Map(entries.map(({ id, spiffeId }) => [spiffeId?.path ?? "", id]));
        if (!ids.has("/below")) throw new Error(`the agent is not given the entries of ${trustDomain}`);
        return new Workloads(agent, ids);
      },
      { timeoutMs: 15_000, everyMs: 250 },
    );
  }

  async x509Svid(path: string, keyType: KeyType): Promise<TestSvid> {
    const key = await generatePrivateKey(keyType);
    const params = [{ entryId: this.#idOf(path), csr: await certificateRequest(key) }];
    const { results } = await this.#agent.client(SVIDDefinition).batchNewX509SVID({ params });
    const [result] = results;
    if (result?.svid === undefined) throw new Error(`no SVID for ${path}: ${result?.status?.message}`);
    return { key, chainDer: result.svid.certChain };
  }

  async jwtSvid(path: string, audience: string[]): Promise<string> {
    const { svid } = await this.#agent
      .client(SVIDDefinition)
      .newJWTSVID({ entryId: this.#idOf(path), audience });
    return svid?.token ?? "";
  }

  #idOf(path: string): string {
    const id = this.#entryIds.get(path);
    if (id === undefined) throw new Error(`there is no entry for ${path}`);
    return id;
  }
}

/** What the server shows to those who connect, leaf first. */
async function serverChain(port: number): Promise<readonly Buffer[]> {
  const socket = connect({ port, host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    const chain: Buffer[] = [];
    for (let next = socket.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate)
      chain.push(next.raw);
    return chain;
  } finally {
    socket.destroy();
  }
}
