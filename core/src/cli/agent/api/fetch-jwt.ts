import { commaTexts, text } from "../../flag.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { firstOf, workloadCommand } from "../workload-command.ts";

export const fetchJwt = workloadCommand({
  name: "api fetch jwt",
  synopsis: "Fetches a JWT-SVID from the Workload API",
  flags: {
    audience: commaTexts("Whom the token is for; several with commas between"),
    spiffeID: text("The SPIFFE ID to fetch it for, of several that the caller has (optional)"),
    output: outputFlag,
    format: { ...outputFlag, help: "The old name of -output" },
  },
  run: async ({ flags, given, client, callOptions, io }) => {
    if (flags.audience.length === 0) throw usageError("audience must be specified");
    if (given.has("output") && given.has("format") && flags.output !== flags.format)
      throw usageError(`the output format has already been set to "${flags.output}"`);
    const bundles = await firstOf(client.fetchJWTBundles({}, callOptions));
    const svids = await client.fetchJWTSVID(
      { audience: [...flags.audience], spiffeId: flags.spiffeID },
      callOptions,
    );
    if (flags.output === "json" || flags.format === "json") {
      printMessages(
        [
          { name: "JWTSVIDResponse", value: svids },
          { name: "JWTBundlesResponse", value: bundles },
        ],
        io.stdout,
      );
      return;
    }
    for (const { spiffeId, svid, hint } of svids.svids) {
      io.stdout.write(`token(${spiffeId}):\n\t${svid}\n`);
      if (hint !== "") io.stdout.write(`hint(${spiffeId}):\n\t${hint}\n`);
    }
    for (const [trustDomain, jwks] of Object.entries(bundles.bundles))
      io.stdout.write(`bundle(${trustDomain}):\n\t${jwks.toString("utf8")}\n`);
  },
});
