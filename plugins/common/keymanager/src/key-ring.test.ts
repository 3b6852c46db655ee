import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { KeyRing } from "./key-ring.ts";

describe("KeyRing", () => {
  it("saves one set after the other, each with all that was acknowledged before", async () => {
    const saved: string[][] = [];
    let saving = 0;
    const ring = new KeyRing([], async (entries) => {
      assert.equal(++saving, 1);
      await setImmediate();
      saved.push(entries.map(({ id }) => id).sort());
      saving--;
    });
    const ids = ["c", "a", "b", "a"];
    const made = await Promise.all(ids.map((id) => ring.generate(id, "ec-p256")));
    // Keys are made side by side, and ready in any order.
    assert.equal(saved.length, ids.length);
    for (const [index, entries] of saved.slice(1).entries())
      assert.ok(new Set(entries).isSupersetOf(new Set(saved[index])), `${saved[index]} then ${entries}`);
    assert.deepEqual(saved.at(-1), ["a", "b", "c"]);
    assert.deepEqual(
      ring.all().map(({ id }) => id),
      ["a", "b", "c"],
    );
    // Of two with one id, one stays, whole.
    const found = ring.find("a");
    assert.ok(found !== undefined && made.includes(found));
  });

  it("keeps the old key when the new one cannot be saved, and goes on", async () => {
    let full = false;
    const ring = new KeyRing([], async () => {
      if (full) throw new Error("no space left on device");
    });
    const old = await ring.generate("a", "ec-p256");
    full = true;
    const attempts = await Promise.allSettled([ring.generate("a", "ec-p256"), ring.generate("b", "ec-p384")]);
    assert.deepEqual(
      attempts.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    assert.deepEqual(ring.all(), [old]);
    full = false;
    const next = await ring.generate("a", "ec-p256");
    assert.notEqual(next.fingerprint, old.fingerprint);
    assert.deepEqual(ring.all(), [next]);
  });

  it("does not show a key before it is saved", async () => {
    const saved = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const ring = new KeyRing([], () => {
      started.resolve();
      return saved.promise;
    });
    const generated = ring.generate("a", "ec-p256");
    await started.promise;
    assert.equal(ring.find("a"), undefined);
    saved.resolve();
    assert.equal(ring.find("a"), undefined);
    assert.equal(await generated, ring.find("a"));
  });
});
