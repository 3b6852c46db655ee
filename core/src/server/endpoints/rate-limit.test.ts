import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { FakeClock } from "@finial/sdk/testing";
import fc from "fast-check";
import { PerAddressLimit } from "./rate-limit.ts";

interface Ask {
  readonly address: string;
  readonly atMs: number;
  readonly count: number;
  /** How long it waits at most; undefined: as long as it takes. */
  readonly patienceMs: number | undefined;
}

/** When each was let through, in milliseconds; undefined for who left before. */
type Outcome = readonly (number | undefined)[];

/** Who does what when, worked out one millisecond after the other. */
function modelled(perSecond: number, asks: readonly Ask[]): Outcome {
  const through = asks.map((): number | undefined => undefined);
  for (const address of new Set(asks.map((ask) => ask.address))) {
    const mine = [...asks.entries()].filter(([, ask]) => ask.address === address);
    // Thousandths, so that a millisecond earns a whole number of them.
    let tokens = perSecond * 1000;
    let queue: (readonly [number, Ask])[] = [];
    const endMs = 60_000;
    for (let ms = 0; ms <= endMs; ms++) {
      if (ms > 0) tokens = Math.min(perSecond * 1000, tokens + perSecond);
      queue = queue.filter(([, { atMs, patienceMs = endMs }]) => ms < atMs + patienceMs);
      queue.push(...mine.filter(([, ask]) => ask.atMs === ms));
      for (let [head] = queue; head !== undefined && tokens >= head[1].count * 1000; [head] = queue) {
        tokens -= head[1].count * 1000;
        through[head[0]] = ms;
        queue.shift();
      }
    }
  }
  return through;
}

async function measured(perSecond: number, asks: readonly Ask[]): Promise<Outcome> {
  const clock = new FakeClock();
  const start = clock.now().getTime();
  const limit = new PerAddressLimit(perSecond, clock);
  const through = asks.map((): number | undefined => undefined);
  const all = asks.map(async ({ address, atMs, count, patienceMs }, index) => {
    await clock.sleep(atMs);
    const patience = new AbortController();
    const { signal } = patience;
    if (patienceMs !== undefined) void clock.sleep(patienceMs).then(() => patience.abort(new Error("left")));
    try {
      await limit.take(address, count, { signal });
      through[index] = clock.now().getTime() - start;
    } catch (error) {
      assert.equal((error as Error).message, "left");
    }
  });
  await clock.advance(60_000);
  await Promise.all(all);
  return through;
}

const never = new AbortController().signal;

describe("PerAddressLimit", () => {
  it("lets through whom, when and in the order that a naive bucket does", async () => {
    const ask = fc.record({
      address: fc.constantFrom("10.0.0.1", "10.0.0.2"),
      atMs: fc.integer({ min: 0, max: 3000 }).map((ms) => ms - (ms % 50)),
      count: fc.integer({ min: 1, max: 5 }),
      patienceMs: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(ask, { maxLength: 12 }), async (unsorted) => {
        const asks = unsorted.toSorted((a, b) => a.atMs - b.atMs);
        assert.deepEqual(await measured(5, asks), modelled(5, asks));
      }),
      { numRuns: 60 },
    );
  });

  it("refuses at once what it could never let through", async () => {
    const limit = new PerAddressLimit(500, new FakeClock());
    await limit.take("10.0.0.1", 500, { signal: never });
    await assert.rejects(
      limit.take("10.0.0.1", 501, { signal: never }),
      new StatusError(Code.ResourceExhausted, "RATE_LIMIT", "rate (501) exceeds burst size (500)"),
    );
  });

  it("gives back what those would have taken who left: a hundred that gave up cost the next nothing", async () => {
    const clock = new FakeClock();
    const limit = new PerAddressLimit(1, clock);
    await limit.take("10.0.0.1", 1, { signal: never });
    const leaving = new AbortController();
    const gone = Promise.allSettled(
      Array.from({ length: 100 }, () => limit.take("10.0.0.1", 1, { signal: leaving.signal })),
    );
    leaving.abort();
    await gone;
    let through = false;
    const next = limit.take("10.0.0.1", 1, { signal: never }).then(() => {
      through = true;
    });
    await clock.advance(0);
    await clock.advance(999);
    assert.equal(through, false);
    await clock.advance(1);
    await next;
  });

  it("asks nothing of who has left already", async () => {
    const limit = new PerAddressLimit(1, new FakeClock());
    await assert.rejects(limit.take("10.0.0.1", 1, { signal: AbortSignal.abort() }), { name: "AbortError" });
    await limit.take("10.0.0.1", 1, { signal: never });
  });

  it("does not forget a queue that is longer than it remembers addresses", async () => {
    const clock = new FakeClock();
    const limit = new PerAddressLimit(1, clock);
    let through = 0;
    const come = () => limit.take("10.0.0.1", 1, { signal: never }).then(() => through++);
    const queue = Array.from({ length: 300 }, come);
    await clock.advance(0);
    for (let minute = 0; minute < 3; minute++) {
      await clock.advance(60_000);
      await limit.take("10.0.0.2", 1, { signal: never });
    }
    assert.equal(through, 181);
    const late = come();
    await clock.advance(119_000);
    assert.equal(through, 300);
    await clock.advance(1000);
    await Promise.all([...queue, late]);
  });

  it("forgets addresses that nobody comes from any more", async () => {
    const clock = new FakeClock();
    const limit = new PerAddressLimit(1, clock);
    for (let host = 0; host < 200; host++) await limit.take(`10.0.0.${host}`, 1, { signal: never });
    assert.equal(limit.size, 200);
    for (let minute = 0; minute < 2; minute++) {
      await clock.advance(60_000);
      await limit.take("10.1.0.1", 1, { signal: never });
    }
    assert.equal(limit.size, 1);
  });

  it("is not stopped by a clock that is set back", async () => {
    let now = new Date("2026-01-01T12:00:00Z");
    const limit = new PerAddressLimit(1, {
      now: () => now,
      sleep: async (ms) => {
        now = new Date(now.getTime() + ms);
      },
    });
    await limit.take("10.0.0.1", 1, { signal: never });
    now = new Date("2026-01-01T11:00:00Z");
    await limit.take("10.0.0.1", 1, { signal: never });
    assert.deepEqual(now, new Date("2026-01-01T11:00:01Z"));
  });
});
