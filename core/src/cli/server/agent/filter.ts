import type { ListAgentsRequest_Filter } from "@finial/proto/api/server/agent/v1/agent";
import { type FlagValues, maybe, text, texts } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { usageError } from "../../usage-error.ts";
import { matchFlag, parseMatch, parseSelectors } from "../match.ts";

/** Which agents to list or count. */
export const filterFlags = {
  selector: texts("Only agents whose selectors match"),
  matchSelectorsOn: matchFlag("selectors"),
  attestationType: text("Only agents that attested like this, such as join_token or x509pop"),
  canReattest: maybe("true: only agents that can attest again; false: only the others"),
  banned: maybe("true: only banned agents; false: only the others"),
  expiresBefore: text('Only agents whose SVID expires before, such as "2026-01-31 13:45:00 +0000 +00"'),
};

/** @throws {StatusError} InvalidArgument naming what is malformed. */
export function filterOf(flags: FlagValues<typeof filterFlags>): ListAgentsRequest_Filter {
  const { expiresBefore } = flags;
  if (expiresBefore !== "" && !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} [+-]\d\d$/.test(expiresBefore))
    throw usageError(`date is not valid: "${expiresBefore}" is not like "2026-01-31 13:45:00 +0000 +00"`);
  return {
    bySelectorMatch:
      flags.selector.length === 0
        ? undefined
        : { match: parseMatch(flags.matchSelectorsOn), selectors: selectorsOf(flags.selector) },
    byAttestationType: flags.attestationType,
    byCanReattest: flags.canReattest,
    byBanned: flags.banned,
    byExpiresBefore: expiresBefore,
  };
}

function selectorsOf(words: readonly string[]): ReturnType<typeof parseSelectors> {
  return words.flatMap((word) => {
    try {
      return parseSelectors([word]);
    } catch (error) {
      throw usageError(`error parsing selector "${word}": ${messageOf(error)}`);
    }
  });
}
