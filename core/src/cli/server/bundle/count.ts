import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { outputFlag, printMessages } from "../../output.ts";
import { counted } from "../match.ts";
import { serverCommand } from "../server-command.ts";

export const bundleCount = serverCommand({
  name: "bundle count",
  synopsis: "Counts bundles",
  flags: { output: outputFlag },
  run: async ({ flags, client, io, say }) => {
    const value = await client(BundleDefinition).countBundles({});
    if (flags.output === "json")
      printMessages([{ name: "spire.api.server.bundle.v1.CountBundlesResponse", value }], io.stdout);
    else say(counted(value.count, "bundle", "bundles"));
  },
});
