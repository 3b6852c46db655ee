import {
  BundleDefinition,
  BatchDeleteFederatedBundleRequest_Mode as Mode,
} from "@finial/proto/api/server/bundle/v1/bundle";
import { text } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { succeeded } from "../entry/print-results.ts";
import { serverCommand } from "../server-command.ts";

const modes: Readonly<Record<string, Mode>> = {
  "": Mode.RESTRICT,
  restrict: Mode.RESTRICT,
  dissociate: Mode.DISSOCIATE,
  delete: Mode.DELETE,
};

export const bundleDelete = serverCommand({
  name: "bundle delete",
  synopsis: "Deletes the bundle of another trust domain",
  flags: {
    id: text("The trust domain"),
    mode: text(
      "What becomes of entries that federate with it: restrict (nothing is deleted), dissociate or delete",
      "restrict",
    ),
    output: outputFlag,
  },
  run: async ({ flags, client, io, say }) => {
    if (flags.id === "") throw usageError("id is required");
    const mode = Object.hasOwn(modes, flags.mode) ? modes[flags.mode] : undefined;
    if (mode === undefined) throw usageError(`unsupported mode "${flags.mode}"`);
    const value = await client(BundleDefinition)
      .batchDeleteFederatedBundle({ mode, trustDomains: [flags.id] })
      .catch((error: unknown) => {
        throw usageError(`failed to delete federated bundle: ${messageOf(error)}`);
      });
    if (flags.output === "json") {
      printMessages(
        [{ name: "spire.api.server.bundle.v1.BatchDeleteFederatedBundleResponse", value }],
        io.stdout,
      );
      return;
    }
    const failed = value.results.find((result) => !succeeded(result));
    if (failed !== undefined)
      throw usageError(
        `failed to delete federated bundle "${failed.trustDomain}": ${failed.status?.message}`,
      );
    say("bundle deleted.");
  },
});
