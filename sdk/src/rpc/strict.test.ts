import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyManagerDefinition, KeyType } from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { encodeMessage } from "./definition.ts";
import { strictly } from "./strict.ts";

const { generateKey } = strictly(KeyManagerDefinition).methods;
const decode = (hex: string) => generateKey.responseType.decode(Buffer.from(hex, "hex"));

describe("strictly()", () => {
  it("takes what the contract says, and defaults that are written out", () => {
    const answer = {
      publicKey: { id: "a", type: KeyType.EC_P256, pkixData: Buffer.of(1), fingerprint: "f" },
    };
    const bytes = encodeMessage(generateKey.responseType, answer);
    assert.deepEqual(generateKey.responseType.decode(bytes), answer);
    // public_key { id: "a", type: 0 }
    assert.equal(decode("0a050a01611000").publicKey?.id, "a");
  });

  it("names a field of another type, or of none, at any depth", () => {
    const cases = [
      ["0801", "a field 1 of wire type Varint"],
      ["0a0208071001", "a field 1.1 of wire type Varint"],
      ["4a0161", "a field 9 of wire type LengthDelimited"],
    ] as const;
    for (const [hex, words] of cases)
      assert.throws(() => decode(hex), {
        reason: "WRONG_FIELD",
        message: `the answer to GenerateKey has ${words}, which the contract does not have`,
      });
  });
});
