import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { SpiffeWorkloadAPIDefinition, type X509SVIDResponse } from "@finial/proto/workload/workload";
import { Code, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import { type TestCa, type TestX509Svid, testCa } from "@finial/sdk/testing";
import { FakeDaemon } from "../fake-daemon.ts";
import { FakeIo } from "../fake-io.ts";
import { formatUtc } from "../go-time.ts";
import { runProgram } from "../main.ts";
import { agentProgram } from "./program.ts";

const unidentified = new StatusError(Code.PermissionDenied, "NO_IDENTITY", "no identity issued");

describe("finial-agent", () => {
  let daemon: FakeDaemon;
  let ca: TestCa;
  let other: TestCa;
  let svid: TestX509Svid;
  /** What FetchX509SVID sends, message after message; an error ends the stream. */
  let answers: (X509SVIDResponse | StatusError)[] = [];
  let health: 1 | 2 = 1;
  const responseOf = (change: Partial<X509SVIDResponse["svids"][number]> = {}): X509SVIDResponse => ({
    svids: [
      {
        spiffeId: "spiffe://example.org/db",
        x509Svid: Buffer.concat(svid.chainDer),
        x509SvidKey: svid.keyPkcs8Der,
        bundle: ca.rootDer,
        hint: "internal",
        ...change,
      },
    ],
    crl: [],
    federatedBundles: { "spiffe://other.example": other.rootDer },
  });

  before(async () => {
    ca = await testCa();
    other = await testCa({ trustDomain: "other.example" });
    svid = await (await ca.intermediate("middle")).x509Svid("/db");
    daemon = await new FakeDaemon()
      .serve(HealthDefinition, { check: () => ({ status: health }) })
      .serve(SpiffeWorkloadAPIDefinition, {
        fetchX509SVID: async function* () {
          for (const answer of answers) {
            if (answer instanceof StatusError) throw answer;
            yield answer;
          }
        },
        fetchJWTSVID: () => ({
          svids: [{ spiffeId: "spiffe://example.org/db", svid: "a.b.c", hint: "internal" }],
        }),
        fetchJWTBundles: async function* () {
          yield { bundles: { "spiffe://example.org": Buffer.from('{"keys":[]}') } };
        },
        validateJWTSVID: ({ audience }) => {
          if (audience === "down") throw new StatusError(Code.Unavailable, "DOWN", "the agent is starting");
          if (audience !== "a") throw new StatusError(Code.InvalidArgument, "AUDIENCE", "wrong audience");
          return {
            spiffeId: "spiffe://example.org/db",
            claims: { sub: "spiffe://example.org/db", aud: ["a"] },
          };
        },
      })
      .start();
  });
  after(() => daemon[Symbol.asyncDispose]());
  beforeEach(() => {
    answers = [responseOf()];
    health = 1;
    daemon.requests.length = 0;
    daemon.headers.length = 0;
  });

  const ioNow = (): FakeIo => Object.assign(new FakeIo({ cwd: daemon.folder }), { now: () => new Date() });
  const run = async (line: string, io = ioNow()) => {
    const args = [...line.split(" "), "-socketPath", daemon.socketPath];
    const status = await runProgram(agentProgram, args, io);
    return { status, out: io.out.replaceAll(/after \S+\n/g, "after 1ms\n"), err: io.err };
  };

  const shown = (): string => {
    const validity = (what: string, { notBefore, notAfter }: { notBefore: Date; notAfter: Date }): string =>
      `${what} Valid After:\t${formatUtc(notBefore)}\n${what} Valid Until:\t${formatUtc(notAfter)}\n`;
    const [leaf, intermediate] = svid.chainDer.map((der) => Certificate.parse(der));
    assert.ok(leaf && intermediate);
    return [
      "Received 1 svid after 1ms\n\nSPIFFE ID:\t\tspiffe://example.org/db\nHint:\t\t\tinternal\n",
      validity("SVID", leaf),
      validity("Intermediate #1", intermediate),
      validity("CA #1", ca.root),
      validity("[spiffe://other.example] CA #1", other.root),
      "\n",
    ].join("");
  };

  for (const name of ["api fetch", "api fetch x509"])
    it(`${name} shows what it has fetched and verified`, async () => {
      assert.deepEqual(await run(name), { status: 0, out: shown(), err: "" });
      assert.deepEqual(daemon.headers, ["true"]);
    });

  it("api fetch x509 prints the response as JSON, unread", async () => {
    answers = [responseOf({ bundle: Buffer.from("x") })];
    const { status, out } = await run("api fetch x509 -output json");
    const { svids, federated_bundles } = JSON.parse(out);
    assert.deepEqual(
      [status, svids[0].spiffe_id, svids[0].bundle, Object.keys(federated_bundles)],
      [0, "spiffe://example.org/db", "eA==", ["spiffe://other.example"]],
    );
  });

  it("api fetch x509 writes files, the key for the owner only", async () => {
    mkdirSync(join(daemon.folder, "out"));
    const { status, out } = await run("api fetch x509 -silent -write out");
    assert.deepEqual(
      [status, out],
      [
        0,
        "Writing SVID #0 to file out/svid.0.pem.\nWriting key #0 to file out/svid.0.key.\nWriting bundle #0 to file out/bundle.0.pem.\nWriting federated bundle #0 for trust domain spiffe://other.example to file out/federated_bundle.0.0.pem.\n",
      ],
    );
    const read = (name: string): string => readFileSync(join(daemon.folder, "out", name), "utf8");
    assert.deepEqual(
      [read("svid.0.pem"), read("svid.0.key"), read("bundle.0.pem"), read("federated_bundle.0.0.pem")],
      [svid.chainPem, svid.keyPem, ca.rootPem, other.rootPem],
    );
    assert.equal(statSync(join(daemon.folder, "out", "svid.0.key")).mode & 0o777, 0o600);
  });

  for (const [title, change, message] of [
    [
      "a foreign bundle",
      () => ({ bundle: other.rootDer }),
      /^"spiffe:\/\/example.org\/db" SVID failed verification against bundle: /,
    ],
    [
      "another ID than the certificate's trust domain",
      () => ({ spiffeId: "spiffe://other.example/db" }),
      /^"spiffe:\/\/other.example\/db" SVID failed verification against bundle: no X.509 bundle for trust domain "example.org"\n$/,
    ],
    [
      "no certificate",
      () => ({ x509Svid: Buffer.alloc(0) }),
      /^failed to parse svid entry 0 for spiffe id "spiffe:\/\/example.org\/db": no certificates found\n$/,
    ],
    [
      "a malformed key",
      () => ({ x509SvidKey: Buffer.from("x") }),
      /^failed to parse svid entry 0 for spiffe id "spiffe:\/\/example.org\/db": malformed private key\n$/,
    ],
    [
      "a cut-off bundle",
      () => ({ bundle: ca.rootDer.subarray(0, 100) }),
      /^failed to parse svid entry 0 for spiffe id "spiffe:\/\/example.org\/db": failed to parse trust bundle: /,
    ],
  ] as const)
    it(`api fetch x509 refuses ${title}`, async () => {
      answers = [responseOf(change())];
      const { status, out, err } = await run("api fetch x509");
      assert.deepEqual([status, out], [1, ""]);
      assert.match(err, message);
    });

  for (const [line, expected] of [
    ["healthcheck", { status: 0, out: "Agent is healthy.\n", err: "" }],
    ["healthcheck -verbose", { status: 0, out: "Checking agent health...\nAgent is healthy.\n", err: "" }],
    [
      "api fetch jwt -audience a,b -spiffeID spiffe://example.org/db",
      {
        status: 0,
        out: 'token(spiffe://example.org/db):\n\ta.b.c\nhint(spiffe://example.org/db):\n\tinternal\nbundle(spiffe://example.org):\n\t{"keys":[]}\n',
        err: "",
      },
    ],
    [
      "api fetch jwt -audience a -output json",
      {
        status: 0,
        out: '[{"svids":[{"hint":"internal","spiffe_id":"spiffe://example.org/db","svid":"a.b.c"}]},{"bundles":{"spiffe://example.org":"eyJrZXlzIjpbXX0="}}]\n',
        err: "",
      },
    ],
    ["api fetch jwt", { status: 1, out: "", err: "audience must be specified\n" }],
    [
      "api validate jwt -audience a -svid a.b.c",
      {
        status: 0,
        out: 'SVID is valid.\nSPIFFE ID : spiffe://example.org/db\nClaims    : {"aud":["a"],"sub":"spiffe://example.org/db"}\n',
        err: "",
      },
    ],
    [
      "api validate jwt -audience a -svid a.b.c -output json",
      {
        status: 0,
        out: '{"claims":{"aud":["a"],"sub":"spiffe://example.org/db"},"spiffe_id":"spiffe://example.org/db"}\n',
        err: "",
      },
    ],
    [
      "api validate jwt -audience b -svid a.b.c",
      { status: 1, out: "", err: "SVID is not valid: wrong audience\n" },
    ],
    [
      "api validate jwt -audience down -svid a.b.c",
      {
        status: 1,
        out: "",
        err: "unable to validate JWT SVID: rpc error: code = Unavailable desc = the agent is starting\n",
      },
    ],
    ["api validate jwt", { status: 1, out: "", err: "audience must be specified\n" }],
    ["api validate jwt -audience a", { status: 1, out: "", err: "svid must be specified\n" }],
  ] as const)
    it(`answers ${line}`, async () => {
      assert.deepEqual(await run(line), expected);
    });

  it("sends the audiences and the ID that are asked for", async () => {
    await run("api fetch jwt -audience a,b -spiffeID spiffe://example.org/db");
    assert.deepEqual(structuredClone(daemon.requests), [
      ["FetchJWTBundles", {}],
      ["FetchJWTSVID", { audience: ["a", "b"], spiffeId: "spiffe://example.org/db" }],
    ]);
    assert.deepEqual(daemon.headers, ["true", "true"]);
  });

  it("healthcheck tells an agent that does not serve", async () => {
    health = 2;
    assert.deepEqual(await run("healthcheck"), {
      status: 1,
      out: "",
      err: 'Agent is unhealthy: agent returned status "NOT_SERVING"\n',
    });
  });

  it("passes on that a workload has no identity", async () => {
    answers = [unidentified];
    const err = "rpc error: code = PermissionDenied desc = no identity issued\n";
    assert.deepEqual(await run("api fetch x509"), { status: 1, out: "", err });
  });

  it("api watch prints every update, tries again after a failure, and ends when interrupted", async () => {
    answers = [responseOf(), responseOf(), unidentified];
    const io = ioNow();
    const stop = (text: string): void => {
      io.err += text;
      io.interruption.abort();
    };
    const { status, out, err } = await run("api watch", Object.assign(io, { stderr: { write: stop } }));
    assert.deepEqual(
      { status, out, err },
      {
        status: 0,
        out: `${shown()}${shown()}`,
        err: "rpc error: code = PermissionDenied desc = no identity issued\n",
      },
    );
  });

  it("api watch gives up where trying again would not help", async () => {
    answers = [new StatusError(Code.InvalidArgument, "HEADER", "security header missing from request")];
    const err = "rpc error: code = InvalidArgument desc = security header missing from request\n";
    assert.deepEqual(await run("api watch"), { status: 1, out: "", err });
  });

  it("finds the socket by the environment", async () => {
    const io = new FakeIo({ env: { SPIRE_AGENT_PUBLIC_SOCKET: daemon.socketPath } });
    assert.equal(await runProgram(agentProgram, ["healthcheck"], io), 0);
  });
});
