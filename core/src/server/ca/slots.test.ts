import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import type { AuthorityState } from "../../kernel/convert/ca-journal.ts";
import { type Authority, arrangeSlots, emptySlot, type Slot, type SlotId, Slots } from "./slots.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Slots of authorities that are made by counting, a day each. */
function counted(start: { readonly current?: Slot<string>; readonly next?: Slot<string> } = {}) {
  const clock = new FakeClock();
  const log = captureLog();
  const journal: string[] = [];
  let count = 0;
  let failure: Error | undefined;
  let gate: Promise<void> | undefined;
  let writing: Promise<void> | undefined;
  const make = async (slot: SlotId): Promise<Authority<string>> => {
    const issuedAt = clock.now();
    await gate;
    if (failure !== undefined) throw failure;
    const value = `${slot}${++count}`;
    const notAfter = new Date(issuedAt.getTime() + dayMs);
    return { value, issuedAt, notAfter, authorityId: value, upstreamAuthorityId: "" };
  };
  const write = async (line: string): Promise<void> => {
    journal.push(line);
    await writing;
  };
  const slots = new Slots<string>({
    title: "X509 CA",
    current: start.current ?? emptySlot("A"),
    next: start.next ?? emptySlot("B"),
    make,
    record: (slot, { value }) => write(`made ${value} in ${slot}`),
    recordState: (id, state) => write(`${id} ${state}`),
    logger: log,
    now: () => clock.now(),
  });
  return {
    slots,
    clock,
    log,
    journal,
    fail: (error: Error | undefined) => {
      failure = error;
    },
    /** Has everything that is made wait. */
    holdMaking: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    /** Has everything that is written wait. */
    holdWriting: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      writing = promise;
      return resolve;
    },
    shape: () => [
      slots.active,
      slots.current.authority?.value,
      slots.next.authority?.value,
      slots.next.state,
    ],
  };
}

function remembered(id: SlotId, state: AuthorityState, hours = 24): Slot<string> {
  const issuedAt = new Date("2026-01-01T00:00:00Z");
  const notAfter = new Date(issuedAt.getTime() + hours * hourMs);
  const value = `${id}0`;
  return { id, state, authority: { value, issuedAt, notAfter, authorityId: value, upstreamAuthorityId: "" } };
}

describe("Slots", () => {
  it("lives a full life over three rotations: each prepared at half of the last one's, signing at five sixths", async () => {
    const at = counted();
    const seen: [hours: number, ...shape: unknown[]][] = [];
    const start = at.clock.now().getTime();
    for (let last = ""; at.clock.now().getTime() - start <= 3 * dayMs; ) {
      await at.slots.rotate();
      const shape = JSON.stringify(at.shape());
      if (shape !== last) seen.push([(at.clock.now().getTime() - start) / hourMs, ...at.shape()]);
      last = shape;
      await at.clock.advance(hourMs / 2);
    }
    // B2 was made at 12 h and so lives to 36 h: it is replaced in its turn.
    assert.deepEqual(seen, [
      [0, "A1", "A1", undefined, "unknown"],
      [12, "A1", "A1", "B2", "prepared"],
      [20, "B2", "B2", "A1", "old"],
      [24, "B2", "B2", "A3", "prepared"],
      [32, "A3", "A3", "B2", "old"],
      [36, "A3", "A3", "B4", "prepared"],
      [44, "B4", "B4", "A3", "old"],
      [48, "B4", "B4", "A5", "prepared"],
      [56, "A5", "A5", "B4", "old"],
      [60, "A5", "A5", "B6", "prepared"],
      [68, "B6", "B6", "A5", "old"],
      [72, "B6", "B6", "A7", "prepared"],
    ]);
    assert.deepEqual(at.journal.slice(0, 8), [
      "made A1 in A",
      "A1 active",
      "made B2 in B",
      "A1 old",
      "B2 active",
      "made A3 in A",
      "B2 old",
      "A3 active",
    ]);
  });

  it("has an authority that signs at every moment of a change, however long it takes to write it down", async () => {
    const at = counted();
    await at.slots.rotate();
    await at.clock.advance(21 * hourMs);
    const made = at.holdMaking();
    const rotation = at.slots.rotate();
    await at.clock.advance(0);
    assert.equal(at.slots.active, "A1");
    made();
    await rotation;
    assert.equal(at.slots.active, "B2");
    await at.clock.advance(13 * hourMs);
    await at.slots.rotate();
    const written = at.holdWriting();
    const change = at.slots.leave((value) => value === "B2");
    const seen = new Set<unknown>();
    for (let turn = 0; turn < 20; turn++) {
      seen.add(at.slots.active);
      await null;
    }
    assert.deepEqual([...seen], ["B2", "A3"]);
    written();
    await change;
    assert.equal(at.slots.active, "A3");
  });

  it("never works in one slot twice at once", async () => {
    const at = counted();
    await at.slots.rotate();
    await at.clock.advance(13 * hourMs);
    const release = at.holdMaking();
    const all = [at.slots.rotate(), at.slots.leave((value) => value === "A1"), at.slots.rotate()];
    await at.clock.advance(0);
    release();
    await Promise.all(all);
    assert.deepEqual(at.shape(), ["B2", "B2", "A1", "old"]);
    assert.deepEqual(at.journal, ["made A1 in A", "A1 active", "made B2 in B", "A1 old", "B2 active"]);
  });

  it("signs on with the old one while the next cannot be made, and goes on when it can", async () => {
    const at = counted();
    await at.slots.rotate();
    at.fail(new Error("no key"));
    await at.clock.advance(21 * hourMs);
    await assert.rejects(at.slots.rotate(), /no key/);
    assert.deepEqual(at.shape(), ["A1", "A1", undefined, "unknown"]);
    at.fail(undefined);
    await at.slots.rotate();
    assert.equal(at.slots.active, "B2");
  });

  it("makes another when the next has expired unused, as after a long sleep", async () => {
    const at = counted();
    await at.slots.rotate();
    await at.clock.advance(13 * hourMs);
    await at.slots.rotate();
    assert.equal(at.slots.next.authority?.value, "B2");
    await at.clock.advance(5 * dayMs);
    await at.slots.rotate();
    assert.deepEqual(at.shape(), ["B3", "B3", "A1", "old"]);
  });

  it("goes on when the journal cannot be written, and says so", async () => {
    const clock = new FakeClock();
    const log = captureLog();
    const away = async (): Promise<void> => {
      throw new Error("away");
    };
    const slots = new Slots<string>({
      title: "JWT key",
      current: emptySlot("A"),
      next: emptySlot("B"),
      make: async (id) => {
        const issuedAt = clock.now();
        const notAfter = new Date(issuedAt.getTime() + dayMs);
        return { value: id, issuedAt, notAfter, authorityId: id, upstreamAuthorityId: "" };
      },
      record: away,
      recordState: away,
      logger: log,
      now: () => clock.now(),
    });
    await slots.rotate();
    await clock.advance(21 * hourMs);
    await slots.rotate();
    assert.equal(slots.active, "B");
    const errors = log.lines.filter(({ level }) => level === "error");
    assert.deepEqual(
      errors.map(({ message }) => message),
      [
        "Unable to append JWT key to journal",
        "Failed to update to activated status on JWT key journal entry",
        "Unable to append JWT key to journal",
        "Failed to update status on JWT key journal entry",
        "Failed to update to activated status on JWT key journal entry",
      ],
    );
    assert.ok(errors.every(({ fields }) => fields.error === "away"));
  });

  it("says what it does, in SPIRE's words", async () => {
    const at = counted();
    await at.slots.rotate();
    const fields = {
      slot: "A",
      issued_at: "2026-01-01T00:00:00.000Z",
      expiration: "2026-01-02T00:00:00.000Z",
      local_authority_id: "A1",
    };
    assert.deepEqual(at.log.lines, [
      { level: "debug", message: "Preparing X509 CA", fields: { slot: "A" } },
      { level: "info", message: "X509 CA prepared", fields },
      { level: "info", message: "X509 CA activated", fields },
    ]);
  });

  describe("leave()", () => {
    it("stays where the one that signs is good", async () => {
      const at = counted();
      await at.slots.rotate();
      assert.equal(await at.slots.leave((value) => value === "B2"), false);
      assert.deepEqual(at.shape(), ["A1", "A1", undefined, "unknown"]);
    });

    it("stays where there is none yet", async () => {
      const at = counted();
      assert.equal(await at.slots.leave(() => true), false);
      assert.deepEqual(at.shape(), [undefined, undefined, undefined, "unknown"]);
    });

    it("goes to the prepared one if that is good, else to a new one", async () => {
      for (const [bad, expected] of [
        [["A1"], "B2"],
        [["A1", "B2"], "B3"],
      ] as const) {
        const at = counted();
        await at.slots.rotate();
        await at.clock.advance(13 * hourMs);
        await at.slots.rotate();
        assert.equal(await at.slots.leave((value) => (bad as readonly string[]).includes(value)), true);
        assert.equal(at.slots.active, expected);
      }
    });

    it("does not come back to a next one whose key is gone since another could not be made", async () => {
      const at = counted();
      await at.slots.rotate();
      await at.clock.advance(13 * hourMs);
      await at.slots.rotate();
      at.fail(new Error("no certificate"));
      await assert.rejects(
        at.slots.leave(() => true),
        /no certificate/,
      );
      at.fail(undefined);
      await at.clock.advance(8 * hourMs);
      await at.slots.rotate();
      assert.equal(at.slots.active, "B3");
    });

    it("signs on with the bad one when no other can be made", async () => {
      const at = counted();
      await at.slots.rotate();
      at.fail(new Error("no key"));
      await assert.rejects(
        at.slots.leave(() => true),
        /no key/,
      );
      assert.equal(at.slots.active, "A1");
    });
  });
});

describe("arrangeSlots(), and what becomes of it at the start", () => {
  const cases: readonly {
    readonly title: string;
    /** Newest first. */
    readonly records: readonly Slot<string>[];
    readonly hours?: number;
    readonly arranged: readonly [current: string, next: string];
    readonly after: readonly unknown[];
  }[] = [
    {
      title: "nothing",
      records: [],
      arranged: ["A unknown", "B unknown"],
      after: ["A1", "A1", undefined, "unknown"],
    },
    {
      title: "one that signs",
      records: [remembered("B", "active")],
      arranged: ["B active", "A unknown"],
      after: ["B0", "B0", undefined, "unknown"],
    },
    {
      title: "one that signs and one that will",
      records: [remembered("B", "prepared"), remembered("A", "active")],
      arranged: ["A active", "B prepared"],
      after: ["A0", "A0", "B0", "prepared"],
    },
    {
      title: "one that signs and one that did",
      records: [remembered("B", "active"), remembered("A", "old")],
      arranged: ["B active", "A old"],
      after: ["B0", "B0", "A0", "old"],
    },
    {
      title: "one that signs and one that did in the same slot, with the same key",
      records: [remembered("A", "active"), remembered("A", "old")],
      arranged: ["A active", "B unknown"],
      after: ["A0", "A0", undefined, "unknown"],
    },
    {
      title: "a change cut off in the middle",
      records: [remembered("B", "prepared"), remembered("A", "old")],
      arranged: ["B prepared", "A unknown"],
      after: ["B0", "B0", undefined, "unknown"],
    },
    {
      title: "one that did sign, alone: the other's key is lost",
      records: [remembered("A", "old")],
      arranged: ["A old", "B unknown"],
      after: ["A1", "A1", undefined, "unknown"],
    },
    {
      title: "one that never signed",
      records: [remembered("A", "prepared")],
      arranged: ["A prepared", "B unknown"],
      after: ["A0", "A0", undefined, "unknown"],
    },
    {
      title: "states of before they were kept",
      records: [remembered("B", "unknown"), remembered("A", "unknown")],
      arranged: ["B unknown", "A unknown"],
      after: ["B0", "B0", undefined, "unknown"],
    },
    {
      title: "one that signs, in whose time the next should have been made",
      records: [remembered("A", "active")],
      hours: 13,
      arranged: ["A active", "B unknown"],
      after: ["A0", "A0", "B1", "prepared"],
    },
    {
      title: "one that should have been replaced, and the one to replace it",
      records: [remembered("B", "prepared", 36), remembered("A", "active")],
      hours: 21,
      arranged: ["A active", "B prepared"],
      after: ["B0", "B0", "A0", "old"],
    },
    {
      title: "one that should have been replaced, alone",
      records: [remembered("A", "active")],
      hours: 21,
      arranged: ["A active", "B unknown"],
      after: ["B1", "B1", "A0", "old"],
    },
  ];
  for (const { title, records, hours = 1, arranged, after } of cases) {
    it(`takes up ${title}`, async () => {
      const { current, next } = arrangeSlots(records);
      assert.deepEqual([`${current.id} ${current.state}`, `${next.id} ${next.state}`], arranged);
      const at = counted({ current, next });
      await at.clock.advance(hours * hourMs);
      await at.slots.resume();
      await at.slots.rotate();
      assert.deepEqual(at.shape(), after);
    });
  }

  it("resumes with what is there before anything new is made", async () => {
    const at = counted(arrangeSlots([remembered("A", "active")]));
    await at.clock.advance(23 * hourMs);
    at.fail(new Error("upstream is away"));
    await at.slots.resume();
    await assert.rejects(at.slots.rotate(), /upstream is away/);
    assert.equal(at.slots.active, "A0");
  });
});
