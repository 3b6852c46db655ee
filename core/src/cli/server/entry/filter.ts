import type { ListEntriesRequest_Filter } from "@finial/proto/api/server/entry/v1/entry";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { type FlagValues, text, texts, toggle } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { usageError } from "../../usage-error.ts";
import { matchFlag, parseMatch, parseSelectors } from "../match.ts";

/** Which entries to show or count. */
export const filterFlags = {
  parentID: text("Only entries with this parent"),
  spiffeID: text("Only entries with this SPIFFE ID"),
  downstream: toggle("Only entries of downstream servers"),
  selector: texts("Only entries whose selectors match"),
  federatesWith: texts("Only entries that federate with this trust domain"),
  matchSelectorsOn: matchFlag("selectors"),
  matchFederatesWithOn: matchFlag("trust domains"),
  hint: text("Only entries with this hint"),
};

/** @throws {StatusError} InvalidArgument naming the flag whose value is malformed. */
export function filterOf(flags: FlagValues<typeof filterFlags>): ListEntriesRequest_Filter {
  return {
    byParentId: idOf("parent ID", flags.parentID),
    bySpiffeId: idOf("SPIFFE ID", flags.spiffeID),
    bySelectors:
      flags.selector.length === 0
        ? undefined
        : { match: parseMatch(flags.matchSelectorsOn), selectors: selectorsOf(flags.selector) },
    byFederatesWith:
      flags.federatesWith.length === 0
        ? undefined
        : { match: parseMatch(flags.matchFederatesWithOn), trustDomains: [...flags.federatesWith] },
    byHint: flags.hint || undefined,
    byDownstream: flags.downstream,
  };
}

function idOf(name: string, text: string): ReturnType<typeof toWireSpiffeId> | undefined {
  if (text === "") return undefined;
  try {
    return toWireSpiffeId(parseSpiffeId(text));
  } catch (error) {
    throw usageError(`error parsing ${name} "${text}": ${messageOf(error)}`);
  }
}

function selectorsOf(words: readonly string[]): ReturnType<typeof parseSelectors> {
  try {
    return parseSelectors(words);
  } catch (error) {
    throw usageError(`error parsing selectors: ${messageOf(error)}`);
  }
}
