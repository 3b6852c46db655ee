import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { outputFlag, printMessages } from "../../output.ts";
import { serverCommand } from "../server-command.ts";
import { formatBundle, formatFlag } from "./bundle-format.ts";

export const bundleShow = serverCommand({
  name: "bundle show",
  synopsis: "Prints the server's own trust bundle",
  flags: { format: formatFlag("How to print the bundle when the output is pretty"), output: outputFlag },
  run: async ({ flags, client, io }) => {
    const value = await client(BundleDefinition).getBundle({});
    if (flags.output === "json") printMessages([{ name: "spire.api.types.Bundle", value }], io.stdout);
    else io.stdout.write(formatBundle(value, flags.format));
  },
});
