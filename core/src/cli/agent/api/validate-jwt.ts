import { Code, StatusError } from "@finial/sdk";
import { text } from "../../flag.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { workloadCommand } from "../workload-command.ts";

export const validateJwt = workloadCommand({
  name: "api validate jwt",
  synopsis: "Has the agent check a JWT-SVID",
  flags: {
    audience: text("Whom the token should be for"),
    svid: text("The token"),
    output: outputFlag,
  },
  run: async ({ flags, client, callOptions, io }) => {
    if (flags.audience === "") throw usageError("audience must be specified");
    if (flags.svid === "") throw usageError("svid must be specified");
    const value = await client
      .validateJWTSVID({ audience: flags.audience, svid: flags.svid }, callOptions)
      .catch((error: unknown) => {
        throw refusal(StatusError.from(error));
      });
    if (flags.output === "json") {
      printMessages([{ name: "ValidateJWTSVIDResponse", value }], io.stdout);
      return;
    }
    io.stdout.write(`SVID is valid.\nSPIFFE ID : ${value.spiffeId}\n`);
    io.stdout.write(`Claims    : ${JSON.stringify(sorted(value.claims ?? {}))}\n`);
  },
});

/** The agent's own words where the token is at fault. */
function refusal(failure: StatusError): StatusError {
  if (failure.code !== Code.InvalidArgument)
    return usageError(`unable to validate JWT SVID: ${failure.message}`);
  return usageError(`SVID is not valid: ${StatusError.from(failure.cause).message}`);
}

function sorted(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(claims).sort(([one], [other]) => (one < other ? -1 : 1)));
}
