/** Works through `items` with `limit` of them at a time, in order. The first failure ends it. */
export async function inFlight<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = Iterator.from(items);
  const worker = async (): Promise<void> => {
    // The iterator is shared: each item is taken once.
    for (let next = queue.next(); !next.done; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

/** Counts until the time is over. */
export function* countFor(durationMs: number): Generator<number> {
  const end = performance.now() + durationMs;
  for (let count = 0; performance.now() < end; count++) yield count;
}
