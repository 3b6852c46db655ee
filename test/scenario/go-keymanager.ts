import { createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Certificate } from "@finial/sdk/crypto";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { buildGoProgram } from "../support/go-program.ts";
import { processTree } from "../support/processes.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";

/** Authorities change at five sixths of this; rotation looks every 10 s. */
const caTtlSeconds = 60;
const rotationLimitMs = 90_000;

export const scenario: Scenario = {
  title: "a KeyManager plugin in Go, built with spire-plugin-sdk, keeps the server's keys in place of disk",
  quick: false,
  async run(context) {
    const program = await buildGoProgram("plugin");
    context.step("built the plugin with spire-plugin-sdk");
    await refuseWrongChecksum(program, context);
    await serveSealed(program, context);
    const keyTypes = context.full ? ["ec-p256", "ec-p384", "rsa-2048", "rsa-4096"] : ["ec-p256"];
    let minted = 0;
    for (const keyType of keyTypes) minted += await serveWith(program, keyType, context);
    return `${minted} SVIDs signed by the Go plugin and verified, with ${keyTypes.join(", ")} keys, over a rotation and a restart each`;
  },
};

async function refuseWrongChecksum(program: string, { step }: ScenarioContext): Promise<void> {
  await using deployment = await Deployment.create({ serverPlugins: pluginsWith(program, "0".repeat(64)) });
  const failure = await deployment.startServer().then(
    () => "it started",
    (error: Error) => error.message,
  );
  if (!failure.includes(`checksums did not match for \\"${program}\\"`))
    throw new Error(`a plugin with another checksum was not refused: ${failure}`);
  step("with another checksum the server does not start, and says why");
}

/** A link that nobody else can use. The sdk's go-plugin is too old to call the host's services over it; a KeyManager calls none. */
async function serveSealed(program: string, { step }: ScenarioContext): Promise<void> {
  const checksum = createHash("sha256").update(readFileSync(program)).digest("hex");
  await using deployment = await Deployment.create({ serverPlugins: pluginsWith(program, checksum, true) });
  await deployment.startServer();
  await (await Minted.mint(deployment)).verify(deployment);
  step("with plugin_mtls = true the link is sealed, and the Go plugin signs over it");
}

/** @returns how many SVIDs were verified. */
async function serveWith(program: string, keyType: string, { step, say }: ScenarioContext): Promise<number> {
  const checksum = createHash("sha256").update(readFileSync(program)).digest("hex");
  await using deployment = await Deployment.create({
    serverPlugins: pluginsWith(program, checksum),
    server: `  ca_ttl = "${caTtlSeconds}s"\n  ca_key_type = "${keyType}"`,
  });
  const server = await deployment.startServer();
  checkPlugins(server.pid);
  step(`the server is up with ${keyType} keys, and its only key manager is the Go program`);

  const first = await Minted.mint(deployment);
  await first.verify(deployment);
  say(`X.509-SVID signed by ${first.issuerKeyId.slice(0, 16)}…, JWT-SVID by ${first.kid}`);

  const rotated = await eventually(
    async () => {
      const next = await Minted.mint(deployment);
      if (next.issuerKeyId === first.issuerKeyId || next.kid === first.kid) throw new Error("no rotation");
      return next;
    },
    { timeoutMs: rotationLimitMs, everyMs: 1000 },
  );
  await rotated.verify(deployment);
  step("both authorities have changed");
  say(`X.509-SVID signed by ${rotated.issuerKeyId.slice(0, 16)}…, JWT-SVID by ${rotated.kid}`);

  const status = await server.stop();
  if (status !== 0) throw new Error(`the server ended with ${status}`);
  checkPlugins((await deployment.startServer()).pid);
  const renewed = await Minted.mint(deployment);
  await renewed.verify(deployment);
  if (renewed.issuerKeyId === rotated.issuerKeyId)
    throw new Error("a key that was kept in memory came back after the restart");
  // Keys are gone with the plugin's memory, but what they signed is good to its end.
  await rotated.verify(deployment);
  step("restarted: new keys sign, and what the old ones signed still verifies");
  return 4 * 2;
}

function pluginsWith(program: string, checksum: string, sealed = false) {
  return (folder: string): string => `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  KeyManager "in_go" {
    plugin_cmd = "${program}"
    plugin_args = ["server/KeyManager"]
    plugin_checksum = "${checksum}"
    plugin_mtls = ${sealed}
    plugin_data { word = "keys" }
  }
  NodeAttestor "join_token" { plugin_data {} }`;
}

/** What runs is a private copy of the program: its checksum is given, and verified. */
function checkPlugins(serverPid: number): void {
  const commands = processTree(serverPid).map(({ command }) => command);
  if (!commands.some((command) => /\/finial-sockets-\w+\/run-\w+\/plugin server\/KeyManager$/.test(command)))
    throw new Error(`the Go plugin does not run: ${commands.join("; ")}`);
  if (commands.some((command) => command.includes("/keymanager/")))
    throw new Error(`there is another key manager: ${commands.join("; ")}`);
}

/** An X.509-SVID and a JWT-SVID from the same moment. */
class Minted {
  readonly #certificate: X509Certificate;
  readonly #token: readonly string[];
  /** What the X.509 authority is known by, in hex. */
  readonly issuerKeyId: string;
  /** What the JWT authority is known by. */
  readonly kid: string;

  private constructor(certificatePem: string, token: string) {
    this.#certificate = new X509Certificate(certificatePem);
    this.#token = token.split(".");
    this.issuerKeyId = Certificate.parse(this.#certificate.raw).authorityKeyId?.toString("hex") ?? "";
    this.kid = JSON.parse(Buffer.from(this.#token[0] ?? "", "base64url").toString()).kid;
  }

  static async mint(deployment: Deployment): Promise<Minted> {
    const spiffeId = `spiffe://${deployment.trustDomain}/minted`;
    const folder = join(deployment.folder, "minted");
    mkdirSync(folder, { recursive: true });
    await deployment.serverCliOk("x509", "mint", "-spiffeID", spiffeId, "-write", folder);
    const token = await deployment.serverCliOk("jwt", "mint", "-spiffeID", spiffeId, "-audience", "test");
    return new Minted(readFileSync(join(folder, "svid.pem"), "utf8"), token.trim());
  }

  /** Against the bundle as the server publishes it now, by Node's own cryptography alone. */
  async verify(deployment: Deployment): Promise<void> {
    const document = await deployment.serverCliOk("bundle", "show", "-format", "spiffe");
    const { keys }: { keys: readonly BundleKey[] } = JSON.parse(document);
    const signers = keys.flatMap(({ x5c }) => (x5c ?? []).map((base64) => Buffer.from(base64, "base64")));
    if (!signers.some((der) => this.#certificate.verify(new X509Certificate(der).publicKey)))
      throw new Error("no authority of the bundle has signed the X.509-SVID");
    const jwk = keys.find(({ kid }) => kid === this.kid);
    if (jwk === undefined) throw new Error("the bundle has no key for the JWT-SVID");
    const [header, payload, signature = ""] = this.#token;
    const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" } as const;
    const hash = jwk.crv === "P-384" ? "sha384" : "sha256";
    if (!verify(hash, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url")))
      throw new Error("the JWT-SVID's signature does not verify");
  }
}

/** A JWK of the bundle, X.509 or JWT. */
interface BundleKey {
  readonly kty: string;
  readonly crv?: string;
  readonly kid?: string;
  readonly x5c?: readonly string[];
}
