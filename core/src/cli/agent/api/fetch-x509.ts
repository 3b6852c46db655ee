import { join } from "node:path";
import { type Certificate, toPem } from "@finial/sdk/crypto";
import type { Command } from "../../command.ts";
import { text, toggle } from "../../flag.ts";
import type { CommandIo } from "../../io.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { privateMode, publicMode, writeFile } from "../../write-file.ts";
import { firstOf, workloadCommand } from "../workload-command.ts";
import { formatX509Svids } from "./print-x509.ts";
import { type FetchedX509Svid, readX509Response } from "./x509-response.ts";

function fetchCommand(name: string): Command {
  return workloadCommand({
    name,
    synopsis: "Fetches X509-SVIDs from the Workload API",
    flags: {
      silent: toggle("Do not print what came back"),
      write: text("A folder to write certificates, keys and bundles to, when the output is pretty"),
      output: outputFlag,
    },
    run: async ({ flags, client, callOptions, io }) => {
      const startedAt = performance.now();
      const value = await firstOf(client.fetchX509SVID({}, callOptions));
      const tookMs = performance.now() - startedAt;
      if (flags.output === "json") {
        printMessages([{ name: "X509SVIDResponse", value }], io.stdout);
        return;
      }
      const svids = readX509Response(value, io.now());
      if (!flags.silent) io.stdout.write(formatX509Svids(svids, tookMs));
      if (flags.write === "") return;
      for (const [index, svid] of svids.entries()) write(svid, index, flags.write, io);
    },
  });
}

export const fetchX509 = fetchCommand("api fetch x509");

/** The same under its short name. */
export const fetchX509Short = fetchCommand("api fetch");

function write(svid: FetchedX509Svid, index: number, folder: string, io: CommandIo): void {
  const put = (what: string, name: string, content: string, mode: number): void => {
    const path = join(folder, name);
    io.stdout.write(`Writing ${what} to file ${path}.\n`);
    writeFile({ path, content, mode, what }, io);
  };
  put(`SVID #${index}`, `svid.${index}.pem`, pem(svid.certificates), publicMode);
  put(`key #${index}`, `svid.${index}.key`, toPem("PRIVATE KEY", svid.keyPkcs8Der), privateMode);
  put(`bundle #${index}`, `bundle.${index}.pem`, pem(svid.bundle), publicMode);
  for (const [number, [trustDomain, bundle]] of [...svid.federatedBundles].entries())
    put(
      `federated bundle #${number} for trust domain ${trustDomain}`,
      `federated_bundle.${index}.${number}.pem`,
      pem(bundle),
      publicMode,
    );
}

function pem(certificates: readonly Certificate[]): string {
  return certificates.map(({ der }) => toPem("CERTIFICATE", der)).join("");
}
