import type { SqlText } from "../sql.ts";
import { toTimeColumn } from "../time-column.ts";

/** Times of rows written in another time zone sort at most this far from their instant. */
const zoneMarginMs = 15 * 3600 * 1000;

/** The margin lets the index on the column find the candidates; unixepoch, which knows time zones, decides. */
export const sqliteText: SqlText = {
  oneOf: (column) => `${column} IN (SELECT value FROM json_each(?))`,
  pairOneOf: (first, second) =>
    `(${first}, ${second}) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))`,
  listParameter: (values) => JSON.stringify(values),
  before: (column) => `(${column} < ? AND unixepoch(${column}) < ?)`,
  after: (column) => `(${column} > ? AND unixepoch(${column}) > ?)`,
  beforeParameters: (instant) => [shifted(instant, zoneMarginMs), Math.ceil(instant.getTime() / 1000)],
  afterParameters: (instant) => [shifted(instant, -zoneMarginMs), Math.floor(instant.getTime() / 1000)],
};

function shifted(instant: Date, ms: number): string {
  return toTimeColumn(new Date(instant.getTime() + ms));
}
