import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import { targetOf } from "./broker.ts";
import { formatHandshake, parseHandshake } from "./handshake.ts";

describe("formatHandshake()", () => {
  it("writes what parseHandshake() reads", () => {
    assert.equal(formatHandshake("/run/s"), "1|1|unix|/run/s|grpc");
    assert.equal(formatHandshake("/run/s", { multiplexing: false }), "1|1|unix|/run/s|grpc||false");
    const certificateDer = Buffer.alloc(61, 1);
    const padless = `${"AQEB".repeat(20)}AQ`;
    assert.equal(formatHandshake("/run/s", { certificateDer }), `1|1|unix|/run/s|grpc|${padless}`);
    const all = { certificateDer, multiplexing: false } as const;
    assert.equal(formatHandshake("/run/s", all), `1|1|unix|/run/s|grpc|${padless}|false`);
    for (const said of [{}, { multiplexing: false }, { certificateDer }, all] as const)
      assert.deepEqual(parseHandshake(`${formatHandshake("/run/s", said)}\n`), {
        network: "unix",
        address: "/run/s",
        certificateDer: "certificateDer" in said ? certificateDer : undefined,
      });
  });
});

describe("parseHandshake()", () => {
  it("reads the lines of plugins old and new", () => {
    const certificate = Buffer.alloc(300, 1);
    const cases: [string, ReturnType<typeof parseHandshake>][] = [
      [
        "1|1|unix|/tmp/plugin1|grpc|",
        { network: "unix", address: "/tmp/plugin1", certificateDer: undefined },
      ],
      [
        "1|1|tcp|127.0.0.1:1234|grpc",
        { network: "tcp", address: "127.0.0.1:1234", certificateDer: undefined },
      ],
      ["  1|1|unix|/s|grpc|junk\r", { network: "unix", address: "/s", certificateDer: undefined }],
      [
        `1|1|unix|/s|grpc|${certificate.toString("base64").replaceAll("=", "")}`,
        { network: "unix", address: "/s", certificateDer: certificate },
      ],
    ];
    for (const [line, handshake] of cases) assert.deepEqual(parseHandshake(line), handshake);
  });

  it("refuses the others, in go-plugin's words", () => {
    const cases: [string, string, string][] = [
      ["", "FORMAT", "Unrecognized remote plugin message: "],
      ["hello\n", "FORMAT", "Unrecognized remote plugin message: hello"],
      ["1|1|unix", "FORMAT", "Unrecognized remote plugin message: 1|1|unix"],
      ["x|1|unix|/s|grpc", "CORE_VERSION", 'error parsing core protocol version: "x" is not a number'],
      [
        "2|1|unix|/s|grpc",
        "CORE_VERSION",
        "incompatible core API version with plugin. Plugin version: 2, Core version: 1",
      ],
      ["1||unix|/s|grpc", "APP_VERSION", 'Error parsing protocol version "": not a number'],
      [
        "1|2|unix|/s|grpc",
        "APP_VERSION",
        "incompatible API version with plugin. Plugin version: 2, Client versions: [1]",
      ],
      ["1|1|pipe|/s|grpc", "NETWORK", "unknown address type: /s"],
      ["1|1|unix||grpc", "ADDRESS", "the plugin names no address: 1|1|unix||grpc"],
      ["1|1|unix|/s", "PROTOCOL", 'unsupported plugin protocol "netrpc". Supported: [grpc]'],
      ["1|1|unix|/s|", "PROTOCOL", 'unsupported plugin protocol "". Supported: [grpc]'],
    ];
    for (const [line, reason, message] of cases)
      assert.throws(() => parseHandshake(line), { code: 9, reason: `HANDSHAKE_${reason}`, message }, line);
  });

  it("takes or refuses any line", () => {
    const fields = fc.array(
      fc.oneof(fc.constantFrom("1", "unix", "tcp", "grpc", "/s"), fc.string({ unit: "binary" })),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fields.map((parts) => parts.join("|")),
          fc.string({ unit: "binary" }),
        ),
        (line) => {
          try {
            parseHandshake(line);
          } catch (error) {
            assert.ok(error instanceof StatusError, String(error));
          }
        },
      ),
    );
  });
});

describe("targetOf()", () => {
  it("says an address as gRPC wants it", () => {
    assert.equal(targetOf({ network: "unix", address: "/run/s" }), "unix:/run/s");
    assert.equal(targetOf({ network: "tcp", address: "127.0.0.1:80" }), "127.0.0.1:80");
  });
});
