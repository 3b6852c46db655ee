import assert from "node:assert/strict";
import { SocketAddress } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatIpAddress, parseIpAddress, toIpAddress } from "./ip-address.ts";

describe("parseIpAddress() and formatIpAddress()", () => {
  it("agree on every address, and with Node", () => {
    const octets = fc
      .array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 16, maxLength: 16 })
      .map((list) => Buffer.from(list));
    fc.assert(
      fc.property(octets, (address) => {
        const text = formatIpAddress(address);
        assert.deepEqual(parseIpAddress(text), address);
        if (!text.includes(".")) {
          const long = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16));
          assert.deepEqual(parseIpAddress(long.join(":")), address);
          assert.deepEqual(
            parseIpAddress(new SocketAddress({ address: text, family: "ipv6" }).address),
            address,
          );
        }
      }),
    );
  });

  it("write as Go does", () => {
    for (const [text, printed] of [
      ["10.1.2.3", "10.1.2.3"],
      ["::ffff:10.1.2.3", "10.1.2.3"],
      ["2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["::", "::"],
      ["1::", "1::"],
      ["::1.2.3.4", "::102:304"],
    ] as const)
      assert.equal(formatIpAddress(parseIpAddress(text) as Buffer), printed);
  });

  it("take four octets for the sixteen they stand for, and nothing else for an address", () => {
    assert.deepEqual(toIpAddress(Buffer.of(1, 2, 3, 4)), parseIpAddress("1.2.3.4"));
    for (const text of ["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "::1%lo", "[::1]", ":::", "localhost"])
      assert.equal(parseIpAddress(text), undefined, text);
  });
});
