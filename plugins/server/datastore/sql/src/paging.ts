import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "./errors.ts";

/** How many items are read and sent at once: a few milliseconds of work. */
const partSize = 250;

/** Items of a list, the last part with the token of the page that follows; "" when there is none. */
export interface Part<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string;
}

/**
 * Reads a list part by part, in the order of the ids.
 *
 * @param read at most `limit` items with ids greater than `after`, in order.
 * @throws {StatusError} InvalidArgument for a malformed page, with SPIRE's sentences.
 */
export async function* readInParts<Item extends { readonly id: number }>(
  page: datastore.Page | undefined,
  read: (after: number, limit: number) => Promise<Item[]>,
): AsyncGenerator<Part<Item>> {
  let { after, left } = firstOf(page);
  for (;;) {
    const limit = Math.min(left, partSize);
    // One more than wanted tells whether anything follows.
    const items = await read(after, limit + 1);
    const more = items.length > limit;
    if (more) items.pop();
    left -= items.length;
    after = items.at(-1)?.id ?? after;
    const last = !more || left === 0;
    yield { items, nextPageToken: last && more ? String(after) : "" };
    if (last) return;
  }
}

function firstOf(page: datastore.Page | undefined): { after: number; left: number } {
  if (page === undefined) return { after: 0, left: Number.POSITIVE_INFINITY };
  if (page.size < 1) throw invalidArgument("PAGE_SIZE", `cannot paginate with pagesize = ${page.size}`);
  if (page.token === "") return { after: 0, left: page.size };
  if (!/^\d{1,15}$/.test(page.token))
    throw invalidArgument("PAGE_TOKEN", `could not parse token '${page.token}'`);
  return { after: Number(page.token), left: page.size };
}
