import type { ListAgentsRequest_Filter } from "@finial/proto/api/server/agent/v1/agent";
import { Code } from "@finial/sdk";
import { fromWireMatchBehavior } from "../../../kernel/convert/match-behavior.ts";
import { fromWireSelectors } from "../../../kernel/convert/selector.ts";
import type { NodeFilter } from "../../facade/datastore.ts";
import { failure } from "../failure.ts";

/**
 * Which agents are asked for. CountAgents and ListAgents have the same filter.
 *
 * @throws {StatusError} InvalidArgument for malformed selectors or times.
 */
export function parseFilter(filter: ListAgentsRequest_Filter | undefined): NodeFilter {
  if (filter === undefined) return {};
  const { byAttestationType, byBanned, byCanReattest, byExpiresBefore, bySelectorMatch } = filter;
  return {
    ...(byAttestationType !== "" && { byAttestationType }),
    ...(byBanned !== undefined && { byBanned }),
    ...(byCanReattest !== undefined && { byCanReattest }),
    ...(byExpiresBefore !== "" && { byExpiresBefore: parseTime(byExpiresBefore) }),
    ...(bySelectorMatch && { bySelectors: parseSelectorMatch(bySelectorMatch) }),
  };
}

/** SPIRE's layout: `2026-01-02 15:04:05 -0700 -07`. SPIRE takes what it cannot read for no filter at all. */
function parseTime(text: string): Date {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d) [+-]\d\d$/.exec(text);
  const time = match && new Date(`${match[1]}T${match[2]}${match[3]}:${match[4]}`);
  if (!time || Number.isNaN(time.getTime()))
    throw failure(
      Code.InvalidArgument,
      "TIME_MALFORMED",
      `by_expires_before must look like "2006-01-02 15:04:05 -0700 -07", not "${text}"`,
    );
  return time;
}

function parseSelectorMatch(
  match: NonNullable<ListAgentsRequest_Filter["bySelectorMatch"]>,
): NonNullable<NodeFilter["bySelectors"]> {
  try {
    return { selectors: fromWireSelectors(match.selectors), match: fromWireMatchBehavior(match.match) };
  } catch (error) {
    throw failure(Code.InvalidArgument, "SELECTORS_MALFORMED", "failed to parse selectors", error);
  }
}
