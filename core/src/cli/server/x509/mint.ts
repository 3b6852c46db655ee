import { sign } from "node:crypto";
import { join } from "node:path";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { createCertificateRequest, generatePrivateKey, PublicKey, toPem } from "@finial/sdk/crypto";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { duration, text, texts } from "../../flag.ts";
import { formatRfc3339 } from "../../go-time.ts";
import { type CommandIo, messageOf } from "../../io.ts";
import { outputFlag, printJson } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { privateMode, publicMode, writeFile } from "../../write-file.ts";
import { isCapped } from "../capped.ts";
import { serverCommand } from "../server-command.ts";

export const x509Mint = serverCommand({
  name: "x509 mint",
  synopsis: "Makes an X509-SVID and its key",
  flags: {
    spiffeID: text("The SPIFFE ID of the X509-SVID"),
    ttl: duration("How long it lives; 0s is the server's default"),
    dns: texts("A DNS name that it has"),
    write: text("A folder to write svid.pem, key.pem and bundle.pem to, instead of standard output"),
    output: outputFlag,
  },
  run: async ({ flags, client, io, warn }) => {
    if (flags.spiffeID === "") throw usageError("spiffeID must be specified");
    const uri = parseSpiffeId(flags.spiffeID).toString();
    const key = await generatePrivateKey("ec-p256");
    const csr = await createCertificateRequest({
      publicKey: PublicKey.of(key),
      uris: [uri],
      dnsNames: flags.dns,
      sign: async (message, hash) => sign(hash, message, key),
    });
    const { svid } = await client(SVIDDefinition)
      .mintX509SVID({ csr, ttl: Math.ceil(flags.ttl / 1000) })
      .catch(failing("unable to mint SVID"));
    if (svid === undefined || svid.certChain.length === 0)
      throw usageError("server response missing SVID chain");
    const bundle = await client(BundleDefinition).getBundle({}).catch(failing("unable to get bundle"));
    if (bundle.x509Authorities.length === 0) throw usageError("server response missing X509 Authorities");
    const expiresAt = new Date(svid.expiresAt * 1000);
    if (isCapped(expiresAt, flags.ttl, io.now()))
      warn(`X509-SVID lifetime was capped shorter than specified ttl; expires "${formatRfc3339(expiresAt)}"`);
    const minted: Minted = {
      chainDer: svid.certChain,
      keyPkcs8Der: key.export({ format: "der", type: "pkcs8" }),
      rootsDer: bundle.x509Authorities.map(({ asn1 }) => asn1),
    };
    if (flags.write !== "") writeFiles(minted, flags.write, io);
    else if (flags.output === "json") printMintedJson(minted, io);
    else print(minted, io);
  },
});

interface Minted {
  readonly chainDer: readonly Buffer[];
  readonly keyPkcs8Der: Buffer;
  readonly rootsDer: readonly Buffer[];
}

function failing(what: string): (error: unknown) => never {
  return (error) => {
    throw usageError(`${what}: ${messageOf(error)}`);
  };
}

function pemsOf({ chainDer, keyPkcs8Der, rootsDer }: Minted): Record<"svid" | "key" | "bundle", string> {
  const certificates = (ders: readonly Buffer[]): string =>
    ders.map((der) => toPem("CERTIFICATE", der)).join("");
  return {
    svid: certificates(chainDer),
    key: toPem("PRIVATE KEY", keyPkcs8Der),
    bundle: certificates(rootsDer),
  };
}

function writeFiles(minted: Minted, folder: string, io: CommandIo): void {
  const pems = pemsOf(minted);
  for (const [name, title, what, mode] of [
    ["svid", "X509-SVID", "SVID", publicMode],
    ["key", "Private key", "key", privateMode],
    ["bundle", "Root CAs", "bundle", publicMode],
  ] as const) {
    const path = join(folder, `${name}.pem`);
    writeFile({ path, content: pems[name], mode, what }, io);
    io.stdout.write(`${title} written to ${path}\n`);
  }
}

function printMintedJson({ chainDer, keyPkcs8Der, rootsDer }: Minted, { stdout }: CommandIo): void {
  const base64 = (der: Buffer): string => der.toString("base64");
  printJson(
    { x509_svid: chainDer.map(base64), private_key: base64(keyPkcs8Der), root_cas: rootsDer.map(base64) },
    stdout,
  );
}

function print(minted: Minted, { stdout }: CommandIo): void {
  const { svid, key, bundle } = pemsOf(minted);
  stdout.write(`X509-SVID:\n${svid}\nPrivate key:\n${key}\nRoot CAs:\n${bundle}\n`);
}
