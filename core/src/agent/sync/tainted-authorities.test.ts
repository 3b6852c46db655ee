import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock, testCa } from "@finial/sdk/testing";
import { isSignedByAny, TaintedAuthorities } from "./tainted-authorities.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const other = await testCa({ clock });
const now = clock.now();

describe("TaintedAuthorities.findNew()", () => {
  it("gives what is tainted, each once", () => {
    const tainted = new TaintedAuthorities();
    const [x509] = ca.bundle.x509Authorities;
    const [jwt] = ca.bundle.jwtAuthorities;
    assert.ok(x509 && jwt);
    const found = (bundle: typeof ca.bundle) => {
      const { x509Authorities, jwtKeyIds } = tainted.findNew(bundle);
      return [x509Authorities.map(({ der }) => der), [...jwtKeyIds]];
    };
    assert.deepEqual(found(ca.bundle), [[], []]);
    const one = {
      ...ca.bundle,
      x509Authorities: [{ ...x509, tainted: true }, ...other.bundle.x509Authorities],
      jwtAuthorities: [
        { ...jwt, tainted: true },
        { ...jwt, keyId: "good" },
      ],
    };
    assert.deepEqual(found(one), [[ca.rootDer], ["test-jwt-key"]]);
    assert.deepEqual(found(one), [[], []]);
    const more = {
      ...one,
      x509Authorities: one.x509Authorities.map((authority) => ({ ...authority, tainted: true })),
      jwtAuthorities: one.jwtAuthorities.map((authority) => ({ ...authority, tainted: true })),
    };
    assert.deepEqual(found(more), [[other.rootDer], ["good"]]);
  });
});

describe("isSignedByAny()", () => {
  const cases = [
    { title: "by the authority", make: () => ca.x509Svid("/a"), expected: true },
    {
      title: "below it by intermediates",
      make: async () => (await (await ca.intermediate("x")).intermediate("y")).x509Svid("/a"),
      expected: true,
    },
    { title: "by another of the same name", make: () => other.x509Svid("/a"), expected: false },
    { title: "by it, but expired", make: () => ca.x509Svid("/a", { ttlSeconds: -1 }), expected: false },
  ];
  for (const { title, make, expected } of cases)
    it(`says ${expected} of a chain signed ${title}`, async () => {
      const { chainDer } = await make();
      assert.equal(isSignedByAny(chainDer, [ca.root], now), expected);
      assert.equal(isSignedByAny(chainDer, [], now), false);
    });

  it("says so when one of several has signed", async () => {
    const { chainDer } = await ca.x509Svid("/a");
    assert.ok(isSignedByAny(chainDer, [other.root, ca.root], now));
  });

  it("throws for what is no certificate", () => {
    assert.throws(() => isSignedByAny([Buffer.from("x")], [ca.root], now), {
      reason: "CERTIFICATE_MALFORMED",
    });
  });
});
