import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, CertificateRequest } from "@finial/sdk/crypto";
import { type TestCa, testCa } from "@finial/sdk/testing";
import { FakeDaemon } from "../fake-daemon.ts";
import { FakeIo } from "../fake-io.ts";
import { runProgram } from "../main.ts";
import { serverProgram } from "./program.ts";

const id = (path: string) => ({ trustDomain: "example.org", path });
const agent = {
  id: id("/spire/agent/join_token/1"),
  attestationType: "join_token",
  x509svidSerialNumber: "42",
  x509svidExpiresAt: 1_700_000_000,
  selectors: [{ type: "a", value: "b" }],
  canReattest: true,
  agentVersion: "1.15.3",
};
const entry = {
  id: "e1",
  spiffeId: id("/db"),
  parentId: id("/node"),
  selectors: [{ type: "unix", value: "uid:1" }],
  x509SvidTtl: 60,
  revisionNumber: 2,
  hint: "h",
  expiresAt: 1_900_000_000,
};
const shownEntry = `Entry ID                : e1
SPIFFE ID               : spiffe://example.org/db
Parent ID               : spiffe://example.org/node
Revision                : 2
X509-SVID TTL           : 60
JWT-SVID TTL            : default
Expiration time         : 2030-03-17 17:46:40 +0000 UTC
Selector                : unix:uid:1
Hint                    : h

`;
const ok = { code: 0, message: "OK" };
const clash = { code: Code.AlreadyExists, message: "similar entry already exists" };

describe("finial-server", () => {
  let daemon: FakeDaemon;
  let ca: TestCa;
  let token = "";
  before(async () => {
    process.env.TZ = "UTC";
    ca = await testCa();
    token = ca.jwtSvid("/db", { audience: ["a"] });
    const authorities = [{ asn1: ca.rootDer }];
    daemon = await new FakeDaemon()
      .serve(HealthDefinition, { check: () => ({ status: 1 }) })
      .serve(AgentDefinition, {
        createJoinToken: () => ({ value: "the-token", expiresAt: 5 }),
        listAgents: ({ pageToken }) =>
          pageToken === ""
            ? { agents: [agent], nextPageToken: "2" }
            : { agents: [{ ...agent, banned: true }] },
        countAgents: () => ({ count: 1 }),
        getAgent: () => agent,
        banAgent: () => ({}),
        deleteAgent: () => ({}),
      })
      .serve(EntryDefinition, {
        batchCreateEntry: ({ entries }) => ({
          results: entries.map(({ id: entryId }) =>
            entryId === "clash" ? { status: clash } : { status: ok, entry },
          ),
        }),
        batchUpdateEntry: () => ({ results: [{ status: ok, entry }] }),
        batchDeleteEntry: ({ ids }) => ({
          results: ids.map((one) => ({
            id: one,
            status: one === "none" ? { code: Code.NotFound, message: "entry not found" } : ok,
          })),
        }),
        listEntries: ({ pageToken }) =>
          pageToken === ""
            ? { entries: [{ ...entry, spiffeId: id("/z") }], nextPageToken: "2" }
            : { entries: [entry] },
        getEntry: ({ id: entryId }) => {
          if (entryId === "none") throw new StatusError(Code.NotFound, "NONE", "entry not found");
          return { ...entry, additionalAttributes: { jwtSvidIncludeJti: true } };
        },
        countEntries: () => ({ count: 2 }),
      })
      .serve(BundleDefinition, {
        getBundle: () => ({ trustDomain: "example.org", x509Authorities: authorities, sequenceNumber: 3 }),
        countBundles: () => ({ count: 1 }),
        listFederatedBundles: () => ({
          bundles: ["a.example", "b.example"].map((name) => ({
            trustDomain: name,
            x509Authorities: authorities,
          })),
        }),
        getFederatedBundle: () => ({ trustDomain: "a.example", x509Authorities: authorities }),
        batchSetFederatedBundle: () => ({ results: [{ status: ok }] }),
        batchDeleteFederatedBundle: ({ trustDomains }) => ({
          results: trustDomains.map((trustDomain) => ({
            trustDomain,
            status: trustDomain === "a.example" ? ok : { code: Code.NotFound, message: "bundle not found" },
          })),
        }),
      })
      .serve(SVIDDefinition, {
        mintX509SVID: async ({ csr }) => ({
          svid: {
            id: id("/db"),
            certChain: [await ca.certify(CertificateRequest.parse(csr).publicKey, {})],
            expiresAt: 1_700_000_000,
          },
        }),
        mintJWTSVID: () => ({ svid: { token } }),
      })
      .start();
  });
  after(() => daemon[Symbol.asyncDispose]());
  beforeEach(() => {
    daemon.requests.length = 0;
  });

  const run = async (args: readonly string[], stdin = "") => {
    const io = new FakeIo({ cwd: daemon.folder, stdin });
    const status = await runProgram(serverProgram, [...args, "-socketPath", daemon.socketPath], io);
    return { status, out: io.out, err: io.err };
  };
  const entryFlags =
    "-parentID spiffe://example.org/node -spiffeID spiffe://example.org/db -selector unix:uid:1";

  const shownAgent = (
    last: string,
  ): string => `SPIFFE ID         : spiffe://example.org/spire/agent/join_token/1
Attestation type  : join_token
Expiration time   : 2023-11-14 22:13:20 +0000 UTC
${last}
Can re-attest     : true
Agent version     : 1.15.3

`;

  for (const [line, out] of [
    ["healthcheck", "Server is healthy.\n"],
    ["healthcheck -verbose", "Checking server health...\nServer is healthy.\n"],
    ["token generate", "Token: the-token\nWarning: Missing SPIFFE ID.\n"],
    ["token generate -spiffeID spiffe://example.org/node", "Token: the-token\n"],
    ["token generate -output json", '{"expires_at":"5","value":"the-token"}\n'],
    [
      "agent list",
      `Found 2 attested agents:\n\n${shownAgent("Serial number     : 42")}${shownAgent("Banned            : true")}`,
    ],
    ["agent count", "1 attested agent\n"],
    ["agent count -output json", '{"count":1}\n'],
    [
      "agent show -spiffeID spiffe://example.org/spire/agent/join_token/1",
      `Found an attested agent given its SPIFFE ID\n\n${shownAgent("Serial number     : 42")}Selectors         : a:b\n`,
    ],
    ["agent ban -spiffeID spiffe://example.org/spire/agent/x", "Agent banned successfully\n"],
    ["agent ban -spiffeID spiffe://example.org/spire/agent/x -output json", "{}\n"],
    ["agent evict -spiffeID spiffe://example.org/spire/agent/x", "Agent evicted successfully\n"],
    [
      "agent purge -dryRun",
      "Found 1 expired agent\n\n\nAgents that can be purged:\nSPIFFE ID         : spiffe://example.org/spire/agent/join_token/1\n",
    ],
    [
      "agent purge",
      "Found 1 expired agent\n\nAgents purged:\nSPIFFE ID         : spiffe://example.org/spire/agent/join_token/1\n",
    ],
    [
      "agent purge -output json",
      '{"expired_agents":[{"agent_id":"spiffe://example.org/spire/agent/join_token/1","deleted":true}]}\n',
    ],
    ["agent purge -expiredFor 1000000h", "No agents to purge.\n"],
    [`entry create ${entryFlags}`, shownEntry],
    [`entry update -entryID e1 ${entryFlags}`, shownEntry],
    [
      "entry show -entryID e1",
      `Found 1 entry\n${shownEntry.replace("\n\n", "\nJwtSvidIncludeJti       : true\n\n")}`,
    ],
    ["entry show", `Found 2 entries\n${shownEntry}${shownEntry.replace("/db", "/z")}`],
    ["entry count", "2 registration entries\n"],
    ["entry delete -entryID e1", "Deleted entry with ID: e1\n\n\nDeleted 1 entries successfully\n"],
    ["bundle count", "1 bundle\n"],
    ["bundle delete -id a.example", "bundle deleted.\n"],
  ] as const)
    it(`answers ${line}`, async () => {
      assert.deepEqual(await run(line.split(" ")), { status: 0, out, err: "" });
    });

  for (const [line, err] of [
    ["token generate -spiffeID x", "Error: scheme is missing or invalid\n"],
    ["agent show", "Error: a SPIFFE ID is required\n"],
    [
      "agent list -expiresBefore now",
      'Error: date is not valid: "now" is not like "2026-01-31 13:45:00 +0000 +00"\n',
    ],
    [
      "agent list -selector a",
      'Error: error parsing selector "a": selector "a" must be formatted as type:value\n',
    ],
    ["entry create", "Error: at least one selector is required\n"],
    ["entry create -selector a:b -node -federatesWith c", "Error: node entries can not federate\n"],
    ["entry create -selector a:b", "Error: a parent ID is required if the node flag is not set\n"],
    ["entry create -selector a:b -parentID spiffe://a/b", "Error: a SPIFFE ID is required\n"],
    [`entry create ${entryFlags} -x509SVIDTTL -1`, "Error: a positive x509-SVID TTL is required\n"],
    [`entry create ${entryFlags} -jwtSVIDTTL -1`, "Error: a positive JWT-SVID TTL is required\n"],
    ["entry update", "Error: entry ID is required\n"],
    ["entry delete", "Error: an entry ID is required\n"],
    ["entry show -entryID a -spiffeID b", "Error: the -entryID flag can't be combined with others\n"],
    [
      "entry show -entryID none",
      "Error: error fetching entry ID none: rpc error: code = NotFound desc = entry not found\n",
    ],
    ["entry show -parentID x", 'Error: error parsing parent ID "x": scheme is missing or invalid\n'],
    ["entry count -selector a:b -matchSelectorsOn most", 'Error: match behavior "most" unknown\n'],
    ["bundle set", "Error: id flag is required\n"],
    ["bundle delete", "Error: id is required\n"],
    ["bundle delete -id a.example -mode all", 'Error: unsupported mode "all"\n'],
    [
      "bundle delete -id x.example",
      'Error: failed to delete federated bundle "x.example": bundle not found\n',
    ],
    ["x509 mint", "Error: spiffeID must be specified\n"],
    ["jwt mint", "Error: spiffeID must be specified\n"],
    ["jwt mint -spiffeID spiffe://example.org/db", "Error: at least one audience must be specified\n"],
  ] as const)
    it(`refuses ${line}`, async () => {
      assert.deepEqual(await run(line.split(" ")), { status: 1, out: "", err });
    });

  const wireEntry = {
    id: "",
    spiffeId: id("/db"),
    parentId: id("/node"),
    selectors: [{ type: "unix", value: "uid:1" }],
    x509SvidTtl: 0,
    jwtSvidTtl: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    storeSvid: false,
    expiresAt: 0,
    dnsNames: [],
    hint: "",
    revisionNumber: 0,
    createdAt: 0,
    additionalAttributes: undefined,
  };
  const byNothing = {
    byParentId: undefined,
    bySpiffeId: undefined,
    bySelectors: undefined,
    byFederatesWith: undefined,
    byHint: undefined,
    byDownstream: false,
  };

  for (const [line, requests] of [
    ["token generate -ttl 60", [["CreateJoinToken", { ttl: 60, token: "", agentId: undefined }]]],
    [
      `entry create ${entryFlags} -entryID e -x509SVIDTTL 1 -jwtSVIDTTL 2 -federatesWith a.example -admin -downstream -storeSVID -entryExpiry 4000000000 -dns d -hint h -disableX509SVIDPrefetch`,
      [
        [
          "BatchCreateEntry",
          {
            entries: [
              {
                ...wireEntry,
                id: "e",
                x509SvidTtl: 1,
                jwtSvidTtl: 2,
                federatesWith: ["a.example"],
                admin: true,
                downstream: true,
                storeSvid: true,
                expiresAt: 4_000_000_000,
                dnsNames: ["d"],
                hint: "h",
                additionalAttributes: { disableX509SvidPrefetch: true, jwtSvidIncludeJti: false },
              },
            ],
            outputMask: undefined,
          },
        ],
      ],
    ],
    [
      "entry create -node -spiffeID spiffe://example.org/db -selector unix:uid:1",
      [
        [
          "BatchCreateEntry",
          { entries: [{ ...wireEntry, parentId: id("/spire/server") }], outputMask: undefined },
        ],
      ],
    ],
    [
      `entry update -entryID e1 ${entryFlags} -disableX509SVIDPrefetch`,
      [
        ["GetEntry", { id: "e1", outputMask: undefined }],
        [
          "BatchUpdateEntry",
          {
            entries: [
              {
                ...wireEntry,
                id: "e1",
                additionalAttributes: { disableX509SvidPrefetch: true, jwtSvidIncludeJti: true },
              },
            ],
            inputMask: undefined,
            outputMask: undefined,
          },
        ],
      ],
    ],
    [
      "entry count -parentID spiffe://example.org/node -spiffeID spiffe://example.org/db -selector a:b -matchSelectorsOn any -federatesWith c -matchFederatesWithOn exact -hint h -downstream",
      [
        [
          "CountEntries",
          {
            filter: {
              byParentId: id("/node"),
              bySpiffeId: id("/db"),
              bySelectors: { selectors: [{ type: "a", value: "b" }], match: 3 },
              byFederatesWith: { trustDomains: ["c"], match: 0 },
              byHint: "h",
              byDownstream: true,
            },
          },
        ],
      ],
    ],
    ["entry count", [["CountEntries", { filter: byNothing }]]],
    [
      "agent count -selector a:b -attestationType x -canReattest true -banned false -expiresBefore",
      [
        [
          "CountAgents",
          {
            filter: {
              bySelectorMatch: { selectors: [{ type: "a", value: "b" }], match: 2 },
              byAttestationType: "x",
              byCanReattest: true,
              byBanned: false,
              byExpiresBefore: "2026-01-31 13:45:00 +0000 +00",
            },
          },
        ],
      ],
    ],
    [
      "bundle delete -id a.example -mode dissociate",
      [["BatchDeleteFederatedBundle", { trustDomains: ["a.example"], mode: 2 }]],
    ],
  ] as const)
    it(`sends what ${line} says`, async () => {
      const args = line.split(" ");
      if (line.endsWith("-expiresBefore")) args.push("2026-01-31 13:45:00 +0000 +00");
      assert.deepEqual(await run(args).then(({ status }) => status), 0);
      assert.deepEqual(plain(daemon.requests), requests);
    });

  it("tells on standard error which entries were not made, and shows them", async () => {
    const { status, out, err } = await run(`entry create ${entryFlags} -entryID clash`.split(" "));
    assert.deepEqual(
      [status, out, err.split("\n")[0], err.split("\n")[1], err.split("\n").at(-2)],
      [
        1,
        "",
        'Failed to create the following entry (code: AlreadyExists, msg: "similar entry already exists"):',
        "Entry ID                : clash",
        "Error: failed to create one or more entries",
      ],
    );
  });

  it("prints the status of an entry that was not made as JSON, with the entry", async () => {
    const { status, out } = await run(`entry create ${entryFlags} -entryID clash -output json`.split(" "));
    const [result] = JSON.parse(out).results;
    assert.deepEqual([status, result.status, result.entry.id], [0, clash, "clash"]);
  });

  it("creates entries from a file, and from standard input", async () => {
    const data = JSON.stringify({
      entries: [
        { spiffe_id: "spiffe://example.org/db", parent_id: "spiffe://example.org/node", selectors: [] },
      ],
    });
    writeFileSync(join(daemon.folder, "data.json"), data);
    assert.equal((await run(["entry", "create", "-data", "data.json"])).out, shownEntry);
    assert.equal((await run(["entry", "create", "-data", "-"], data)).out, shownEntry);
    assert.deepEqual(daemon.requests[0], daemon.requests[1]);
  });

  it("deletes several entries, and tells which were not there", async () => {
    assert.deepEqual(await run(["entry", "delete", "-file", "-"], '{"ids":["e1","none"]}'), {
      status: 1,
      out: "Deleted entry with ID: e1\n\n\n\n\nDeleted 1 entries successfully, but failed to delete 1 entries\n",
      err: 'Failed to delete entry with ID none (code: NotFound, msg: "entry not found")\nError: failed to delete one or more entries\n',
    });
  });

  it("shows bundles as PEM and in the SPIFFE format, and reads both back", async () => {
    const { out: pem } = await run(["bundle", "show"]);
    assert.deepEqual(Certificate.parse(new X509Certificate(pem).raw).der, ca.rootDer);
    const { out: document } = await run(["bundle", "show", "-format", "spiffe"]);
    assert.equal(JSON.parse(document).spiffe_sequence, 3);
    for (const [format, data] of [
      ["pem", pem],
      ["spiffe", document],
    ] as const) {
      daemon.requests.length = 0;
      assert.equal(
        (await run(["bundle", "set", "-id", "a.example", "-format", format], data)).out,
        "bundle set.\n",
      );
      const [, request] = daemon.requests[0] ?? [];
      const { bundle } = request as {
        bundle: { trustDomain: string; x509Authorities: { asn1: Buffer }[] }[];
      };
      assert.deepEqual(
        [bundle[0]?.trustDomain, bundle[0]?.x509Authorities[0]?.asn1],
        ["a.example", ca.rootDer],
      );
    }
    const { out } = await run(["bundle", "list"]);
    const rule = "*".repeat(40);
    assert.equal(out, `${rule}\n* a.example\n${rule}\n${pem}\n${rule}\n* b.example\n${rule}\n${pem}`);
    assert.equal((await run(["bundle", "list", "-id", "a.example"])).out, pem);
  });

  it("refuses a bundle that is none", async () => {
    const { err } = await run(["bundle", "set", "-id", "a.example"], "x");
    assert.equal(err, "Error: unable to parse bundle data: no PEM blocks\n");
  });

  it("mints an X509-SVID into a folder, its key for the owner only", async () => {
    mkdirSync(join(daemon.folder, "svid"));
    const args = "x509 mint -spiffeID spiffe://example.org/db -ttl 1h -dns db -write svid";
    const { status, out, err } = await run(args.split(" "));
    assert.deepEqual(
      [status, out, err],
      [
        0,
        "X509-SVID written to svid/svid.pem\nPrivate key written to svid/key.pem\nRoot CAs written to svid/bundle.pem\n",
        'X509-SVID lifetime was capped shorter than specified ttl; expires "2023-11-14T22:13:20Z"\n',
      ],
    );
    const key = readFileSync(join(daemon.folder, "svid", "key.pem"), "utf8");
    const leaf = new X509Certificate(readFileSync(join(daemon.folder, "svid", "svid.pem")));
    assert.ok(createPublicKey(key).equals(leaf.publicKey));
    assert.equal(statSync(join(daemon.folder, "svid", "key.pem")).mode & 0o777, 0o600);
    const [, request] = daemon.requests[0] ?? [];
    const { subjectAltName } = CertificateRequest.parse((request as { csr: Buffer }).csr);
    assert.deepEqual([subjectAltName.uris, subjectAltName.dnsNames], [["spiffe://example.org/db"], ["db"]]);
  });

  it("mints an X509-SVID as JSON", async () => {
    const { out } = await run("x509 mint -spiffeID spiffe://example.org/db -output json".split(" "));
    const minted = JSON.parse(out);
    assert.deepEqual(Object.keys(minted), ["x509_svid", "private_key", "root_cas"]);
    assert.deepEqual(minted.root_cas, [ca.rootDer.toString("base64")]);
  });

  it("mints a JWT-SVID to standard output, or a file for the owner only", async () => {
    const args = "jwt mint -spiffeID spiffe://example.org/db -audience a -audience b -ttl 90s".split(" ");
    assert.equal((await run(args)).out, `${token}\n`);
    assert.deepEqual(plain(daemon.requests), [
      ["MintJWTSVID", { id: id("/db"), audience: ["a", "b"], ttl: 90 }],
    ]);
    assert.equal((await run([...args, "-write", "token"])).out, "JWT-SVID written to token\n");
    const path = join(daemon.folder, "token");
    assert.deepEqual([readFileSync(path, "utf8"), statSync(path).mode & 0o777], [token, 0o600]);
  });

  it("says where it looked when there is no socket", async () => {
    const io = new FakeIo({ cwd: daemon.folder });
    const status = await runProgram(serverProgram, ["bundle", "count", "-socketPath", "none.sock"], io);
    assert.deepEqual(
      [status, io.err],
      [
        1,
        `Error: rpc error: code = Unavailable desc = there is no socket ${join(daemon.folder, "none.sock")}: is the daemon running, and is this its socket?\n`,
      ],
    );
  });
});

/** Without prototypes and buffers, to compare. */
function plain(value: unknown): unknown {
  return structuredClone(value);
}
