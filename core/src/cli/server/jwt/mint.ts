import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { parseJwtSvid, parseSpiffeId } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { duration, text, texts } from "../../flag.ts";
import { formatRfc3339 } from "../../go-time.ts";
import { messageOf } from "../../io.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { privateMode, writeFile } from "../../write-file.ts";
import { isCapped } from "../capped.ts";
import { serverCommand } from "../server-command.ts";

export const jwtMint = serverCommand({
  name: "jwt mint",
  synopsis: "Makes a JWT-SVID",
  flags: {
    spiffeID: text("The SPIFFE ID of the JWT-SVID"),
    ttl: duration("How long it lives; 0s is the server's default"),
    audience: texts("Whom it is for"),
    write: text("A file to write the token to, instead of standard output"),
    output: outputFlag,
  },
  run: async ({ flags, client, io, say, warn }) => {
    if (flags.spiffeID === "") throw usageError("spiffeID must be specified");
    if (flags.audience.length === 0) throw usageError("at least one audience must be specified");
    const id = toWireSpiffeId(parseSpiffeId(flags.spiffeID));
    const value = await client(SVIDDefinition)
      .mintJWTSVID({ id, ttl: Math.ceil(flags.ttl / 1000), audience: [...flags.audience] })
      .catch((error: unknown) => {
        throw usageError(`unable to mint SVID: ${messageOf(error)}`);
      });
    const token = value.svid?.token ?? "";
    if (token === "") throw usageError("server response missing token");
    const expiresAt = expiryOf(token, warn);
    if (expiresAt !== undefined && isCapped(expiresAt, flags.ttl, io.now()))
      warn(`JWT-SVID lifetime was capped shorter than specified ttl; expires "${formatRfc3339(expiresAt)}"`);
    if (flags.write !== "") {
      writeFile({ path: flags.write, content: token, mode: privateMode, what: "token" }, io);
      say(`JWT-SVID written to ${flags.write}`);
    } else if (flags.output === "json")
      printMessages([{ name: "spire.api.server.svid.v1.MintJWTSVIDResponse", value }], io.stdout);
    else say(token);
  },
});

function expiryOf(token: string, warn: (line: string) => void): Date | undefined {
  try {
    return parseJwtSvid(token).expiresAt;
  } catch (error) {
    warn(`Unable to determine JWT-SVID lifetime: ${messageOf(error)}`);
    return undefined;
  }
}
