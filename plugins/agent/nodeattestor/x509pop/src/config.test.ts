import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseConfig } from "./config.ts";

const files = 'private_key_path = "k"\ncertificate_path = "c"\n';
const parsed = { source: "files", privateKeyPath: "k", certificatePath: "c" };

describe("parseConfig()", () => {
  it("reads the files' paths", () => {
    assert.deepEqual(parseConfig(files), { ...parsed, intermediatesPath: undefined });
    assert.deepEqual(parseConfig(`${files}intermediates_path = "i"`), { ...parsed, intermediatesPath: "i" });
    assert.deepEqual(parseConfig(`${files}intermediates_path = " "`), {
      ...parsed,
      intermediatesPath: undefined,
    });
  });

  it("prefers the socket, which needs no files", () => {
    const address = "unix:///run/agent.sock";
    for (const more of ["", files])
      assert.deepEqual(parseConfig(`${more}spiffe_endpoint_socket = "${address}"`), {
        source: "workload_api",
        address,
      });
  });

  it("wants both files without a socket, and names what it does not know", () => {
    for (const [text, message] of [
      ["", "private_key_path is required\ncertificate_path is required"],
      ['certificate_path = "c"', "private_key_path is required"],
      ['private_key_path = "k"', "certificate_path is required"],
      [
        `${files}intermediate_path = "i"`,
        'plugin_data:3:1: unknown key "intermediate_path"; did you mean "intermediates_path"?',
      ],
    ] as const)
      assert.throws(() => parseConfig(text), { code: Code.InvalidArgument, message });
  });
});
