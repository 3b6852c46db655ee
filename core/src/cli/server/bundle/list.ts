import { BundleDefinition, ListFederatedBundlesResponse } from "@finial/proto/api/server/bundle/v1/bundle";
import type { Bundle } from "@finial/proto/api/types/bundle";
import { text } from "../../flag.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { serverCommand } from "../server-command.ts";
import { formatBundle, formatFlag } from "./bundle-format.ts";

export const bundleList = serverCommand({
  name: "bundle list",
  synopsis: "Prints the bundles of other trust domains",
  flags: {
    id: text("Only the bundle of this trust domain"),
    format: formatFlag("How to print bundles when the output is pretty"),
    output: outputFlag,
  },
  run: async ({ flags, client, io }) => {
    const bundles = client(BundleDefinition);
    if (flags.id !== "") {
      const value = await bundles.getFederatedBundle({ trustDomain: flags.id });
      if (flags.output === "json") printMessages([{ name: "spire.api.types.Bundle", value }], io.stdout);
      else io.stdout.write(formatBundle(value, flags.format));
      return;
    }
    const value = await bundles.listFederatedBundles({});
    if (flags.output === "pretty")
      io.stdout.write(
        value.bundles.map((bundle) => titled(bundle, formatBundle(bundle, flags.format))).join("\n"),
      );
    else
      printMessages(
        [
          {
            name: "spire.api.server.bundle.v1.ListFederatedBundlesResponse",
            value: ListFederatedBundlesResponse.create(value),
          },
        ],
        io.stdout,
      );
  },
});

function titled({ trustDomain }: Bundle, body: string): string {
  const rule = "*".repeat(40);
  return `${rule}\n* ${trustDomain}\n${rule}\n${body}`;
}
