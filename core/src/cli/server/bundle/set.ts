import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { text } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { readInput } from "../../read-input.ts";
import { usageError } from "../../usage-error.ts";
import { succeeded } from "../entry/print-results.ts";
import { serverCommand } from "../server-command.ts";
import { formatFlag, parseBundle } from "./bundle-format.ts";

export const bundleSet = serverCommand({
  name: "bundle set",
  synopsis: "Sets the bundle of another trust domain",
  flags: {
    id: text("The trust domain"),
    path: text("The file with the bundle; standard input unless it is given"),
    format: formatFlag("The format of the bundle"),
    output: outputFlag,
  },
  run: async ({ flags, client, io, say }) => {
    if (flags.id === "") throw usageError("id flag is required");
    const data = await readInput(flags.path || "-", io).catch((error: unknown) => {
      throw usageError(`unable to load bundle data: ${messageOf(error)}`);
    });
    const bundle = [parseBundle(data, flags.format, flags.id)];
    const value = await client(BundleDefinition)
      .batchSetFederatedBundle({ bundle })
      .catch((error: unknown) => {
        throw usageError(`failed to set federated bundle: ${messageOf(error)}`);
      });
    if (flags.output === "json") {
      printMessages(
        [{ name: "spire.api.server.bundle.v1.BatchSetFederatedBundleResponse", value }],
        io.stdout,
      );
      return;
    }
    const failed = value.results.find((result) => !succeeded(result));
    if (failed !== undefined) throw usageError(`failed to set federated bundle: ${failed.status?.message}`);
    say("bundle set.");
  },
});
