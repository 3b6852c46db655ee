import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DataStore, type datastore } from "@finial/sdk/server";
import { type LoadedPlugin, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { DataFolder } from "./testing/data-folder.ts";
import { describeSchema } from "./testing/describe-schema.ts";
import { spireSchema } from "./testing/spire-schema.ts";
import { noSpire, SpireAgent, SpireServer } from "./testing/spire-server.ts";

const id = (path: string): string => `spiffe://example.org/${path}`;
const parentId = id("spire/agent/x");

/** An entry in the words of `spire-server entry show -output json`. */
function asShown(entry: datastore.Entry): object {
  const idOf = (text: string): object => ({
    trust_domain: "example.org",
    path: text.slice("spiffe://example.org".length),
  });
  const { disableX509SvidPrefetch, jwtSvidIncludeJti } = entry;
  const attributes = {
    disable_x509_svid_prefetch: disableX509SvidPrefetch,
    jwt_svid_include_jti: jwtSvidIncludeJti,
  };
  return {
    id: entry.id,
    spiffe_id: idOf(entry.spiffeId),
    parent_id: idOf(entry.parentId),
    selectors: entry.selectors.map(({ type, value }) => `${type}:${value}`).sort(),
    x509_svid_ttl: entry.x509SvidTtl,
    jwt_svid_ttl: entry.jwtSvidTtl,
    federates_with: entry.federatesWith.toSorted(),
    admin: entry.admin,
    downstream: entry.downstream,
    expires_at: String(entry.expiresAt),
    dns_names: entry.dnsNames.toSorted(),
    revision_number: String(entry.revisionNumber),
    store_svid: entry.storeSvid,
    hint: entry.hint,
    created_at: String(entry.createdAt),
    ...((disableX509SvidPrefetch || jwtSvidIncludeJti) && { additional_attributes: attributes }),
  };
}

interface ShownEntry {
  readonly id: string;
  readonly selectors: readonly datastore.Selector[];
  readonly federates_with: readonly string[];
  readonly dns_names: readonly string[];
}

/** What SPIRE shows, in an order that does not depend on SPIRE. */
async function entriesShownBy(server: SpireServer): Promise<object[]> {
  const { entries } = (await server.json("entry", "show")) as { entries: ShownEntry[] };
  return entries
    .map((entry) => ({
      ...entry,
      selectors: entry.selectors.map(({ type, value }) => `${type}:${value}`).sort(),
      federates_with: entry.federates_with.toSorted(),
      dns_names: entry.dns_names.toSorted(),
    }))
    .sort(byId);
}

async function entriesHeldBy(loaded: LoadedPlugin): Promise<object[]> {
  const parts = await Array.fromAsync(loaded.client(DataStore.definition).listEntries({}));
  return parts
    .flatMap(({ entries }) => entries)
    .sort(byId)
    .map(asShown);
}

function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id.localeCompare(other.id);
}

const everyFlag = [
  ...["-parentID", parentId, "-spiffeID", id("full"), "-entryID", "full"],
  ...["-selector", "unix:uid:1", "-selector", "unix:gid:2", "-selector", "k8s:ns:a"],
  ...["-federatesWith", "spiffe://other.org", "-federatesWith", "spiffe://third.org"],
  ...["-dns", "b.example.org", "-dns", "a.example.org", "-hint", "h", "-entryExpiry", "2000000000"],
  ...["-x509SVIDTTL", "100", "-jwtSVIDTTL", "50", "-admin", "-downstream"],
  ...["-disableX509SVIDPrefetch", "-jwtSVIDIncludeJTI"],
];

const ownEntry: Partial<datastore.Entry> = {
  id: "ours",
  spiffeId: id("ours"),
  parentId,
  selectors: [
    { type: "unix", value: "uid:1" },
    { type: "docker", value: "label:a:b" },
  ],
  x509SvidTtl: 60,
  jwtSvidTtl: 30,
  federatesWith: ["third.org", "other.org"],
  admin: true,
  downstream: true,
  expiresAt: 2_000_000_001,
  dnsNames: ["z.example.org", "y.example.org"],
  hint: "ours",
  jwtSvidIncludeJti: true,
};

async function writeBySpire(server: SpireServer): Promise<string> {
  const bundle = await server.bundleFile();
  for (const domain of ["other.org", "third.org", "gone.org"])
    await server.cli("bundle", "set", "-id", `spiffe://${domain}`, "-format", "spiffe", "-path", bundle);
  await server.cli("entry", "create", ...everyFlag);
  const plain = ["-parentID", parentId, "-selector", "unix:uid:2"];
  for (const name of ["updated", "stored", "deleted"])
    await server.cli("entry", "create", ...plain, "-spiffeID", id(name), "-entryID", name);
  await server.cli(
    "entry",
    "update",
    ...plain,
    "-spiffeID",
    id("updated"),
    "-entryID",
    "updated",
    "-hint",
    "n",
  );
  await server.cli(
    "entry",
    "update",
    ...plain,
    "-spiffeID",
    id("stored"),
    "-entryID",
    "stored",
    "-storeSVID",
  );
  const federation = ["-trustDomainBundleFormat", "spiffe", "-trustDomainBundlePath", bundle];
  await server.cli(
    ...["federation", "create", "-trustDomain", "web.org", "-bundleEndpointProfile", "https_web"],
    ...["-bundleEndpointURL", "https://web.org/bundle", ...federation],
  );
  await server.cli(
    ...["federation", "create", "-trustDomain", "fed.org", "-bundleEndpointProfile", "https_spiffe"],
    ...[
      "-bundleEndpointURL",
      "https://fed.org/bundle",
      "-endpointSpiffeID",
      "spiffe://fed.org/s",
      ...federation,
    ],
  );
  const printed = await server.cli("token", "generate", "-spiffeID", id("alias"));
  return /Token: (\S+)/.exec(printed)?.[1] ?? "";
}

describe("a database shared with a SPIRE server", () => {
  it("has the schema that SPIRE makes", { skip: noSpire }, async () => {
    using folder = new DataFolder();
    await (await SpireServer.start(folder))[Symbol.asyncDispose]();
    assert.deepEqual(folder.with(describeSchema), spireSchema);
  });

  it("is taken over from SPIRE as it is, and handed back", { skip: noSpire }, async () => {
    using folder = new DataFolder();
    let token = "";
    let shown: object[] = [];
    {
      await using server = await SpireServer.start(folder);
      token = await writeBySpire(server);
      shown = await entriesShownBy(server);
    }
    const held = await readAndWrite(folder, token, shown);
    await using server = await SpireServer.start(folder);
    assert.deepEqual(await entriesShownBy(server), held);
    const agents = (await server.json("agent", "list")) as { agents: object[] };
    assert.deepEqual(agents, {
      agents: [
        {
          attestation_type: "x509pop",
          banned: false,
          can_reattest: true,
          id: { path: "/spire/agent/ours", trust_domain: "example.org" },
          selectors: [],
          x509svid_expires_at: "2000000000",
          x509svid_serial_number: "7",
          agent_version: "1.2.3",
        },
      ],
      next_page_token: "",
    });
    const domains = (await server.json("federation", "list")) as {
      federation_relationships: { readonly trust_domain: string; readonly bundle_endpoint_url: string }[];
    };
    assert.deepEqual(
      domains.federation_relationships.map((each) => [each.trust_domain, each.bundle_endpoint_url]),
      [
        ["web.org", "https://web.org/moved"],
        ["ours.org", "https://ours.org/bundle"],
      ],
    );
    const bundles = await server.cli("bundle", "list", "-format", "spiffe");
    assert.deepEqual([...bundles.matchAll(/^\* (\S+)/gm)].map((match) => match[1]).sort(), [
      "fed.org",
      "other.org",
      "third.org",
      "web.org",
    ]);
    // The CA that was active goes on: SPIRE found its journal.
    const authorities = (await server.json("localauthority", "x509", "show")) as { active: object };
    assert.equal(JSON.stringify(authorities.active).includes(await activeAuthority(folder)), true);
  });

  it("tells each of the other's changes while both are at work", { skip: noSpire }, async () => {
    using folder = new DataFolder();
    await using server = await SpireServer.start(folder);
    await using agent = await SpireAgent.start(folder, server);
    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    const store = loaded.client(DataStore.definition);
    await using watch = watchOf(store.watchChanges({}));

    const [node] = (await Array.fromAsync(store.listNodes({}))).flatMap(({ nodes }) => nodes);
    assert.equal(node?.attestationType, "join_token");
    const selectors = [{ type: "unix", value: `uid:${userInfo().uid}` }];
    const entry = { id: "mine", spiffeId: id("mine"), parentId: node.spiffeId, selectors };
    await store.createEntries({ entries: [entry] });
    await until(agent, [id("mine")]);
    await store.updateEntry({ entry: { ...entry, spiffeId: id("changed") }, mask: { spiffeId: true } });
    await until(agent, [id("changed")]);
    await store.deleteEntry({ id: "mine" });
    await until(agent, []);

    await watch.until("entryId mine");

    const bundle = await server.bundleFile();
    await server.cli("bundle", "set", "-id", "spiffe://other.org", "-format", "spiffe", "-path", bundle);
    await watch.until("bundleTrustDomain other.org");
    await server.cli(
      ...["entry", "create", "-parentID", parentId, "-spiffeID", id("a"), "-entryID", "theirs"],
      ...["-selector", "a:b", "-federatesWith", "spiffe://other.org"],
    );
    await watch.until("entryId theirs");
    await server.cli("bundle", "delete", "-id", "spiffe://other.org", "-mode", "dissociate");
    await watch.until("entryId theirs");
    await server.cli("agent", "ban", "-spiffeID", node.spiffeId);
    await watch.until(`nodeSpiffeId ${node.spiffeId}`);
    assert.equal((await store.fetchNode({ spiffeId: node.spiffeId })).node?.serialNumber, "");
    assert.deepEqual((await store.fetchEntries({ ids: ["theirs"] })).entries[0]?.federatesWith, []);
  });
});

/** Compares with what SPIRE showed, changes everything once, and gives the entries as SPIRE must show them. */
async function readAndWrite(folder: DataFolder, token: string, shown: readonly object[]): Promise<object[]> {
  await using loaded = await loadPlugin(plugin, { config: folder.config() });
  const store = loaded.client(DataStore.definition);
  assert.deepEqual(await entriesHeldBy(loaded), shown);
  const { joinToken } = await store.takeJoinToken({ token });
  assert.ok((joinToken?.expiresAt ?? 0) > Date.now() / 1000);
  const bundles = (await Array.fromAsync(store.listBundles({}))).flatMap((part) => part.bundles);
  const names = ["example.org", "other.org", "third.org", "gone.org", "web.org", "fed.org"];
  assert.deepEqual(
    bundles.map(({ trustDomain }) => trustDomain),
    names,
  );
  for (const { x509Authorities, jwtAuthorities } of bundles)
    assert.deepEqual([x509Authorities.length, jwtAuthorities.length], [1, 1]);
  const parts = await Array.fromAsync(store.listFederationRelationships({}));
  const relationships = parts.flatMap((part) => part.relationships);
  const web = {
    trustDomain: "web.org",
    bundleEndpointUrl: "https://web.org/bundle",
    profile: { $case: "httpsWeb", value: {} },
  } as const;
  assert.deepEqual(relationships, [
    web,
    {
      trustDomain: "fed.org",
      bundleEndpointUrl: "https://fed.org/bundle",
      profile: { $case: "httpsSpiffe", value: { endpointSpiffeId: "spiffe://fed.org/s" } },
    },
  ]);
  const journal = await store.fetchCaJournal({ activeX509AuthorityId: await activeAuthority(folder) });
  assert.ok((journal.journal?.data.length ?? 0) > 0);

  await store.createEntries({ entries: [ownEntry] });
  await store.updateEntry({ entry: { id: "full", hint: "ours" }, mask: { hint: true } });
  await store.deleteEntry({ id: "deleted" });
  const node = {
    spiffeId: id("spire/agent/ours"),
    attestationType: "x509pop",
    serialNumber: "7",
    expiresAt: 2_000_000_000,
    canReattest: true,
    agentVersion: "1.2.3",
  };
  await store.createNode({ node });
  const moved = { ...web, bundleEndpointUrl: "https://web.org/moved" };
  await store.updateFederationRelationship({ relationship: moved });
  await store.deleteFederationRelationship({ trustDomain: "fed.org" });
  const own = { ...web, trustDomain: "ours.org", bundleEndpointUrl: "https://ours.org/bundle" };
  await store.createFederationRelationship({ relationship: own });
  await store.deleteBundle({ trustDomain: "gone.org" });
  return await entriesHeldBy(loaded);
}

/** The authority that the newest journal calls active. */
async function activeAuthority(folder: DataFolder): Promise<string> {
  return folder.with(
    (connection) =>
      connection
        .prepare<[], string>("SELECT active_x509_authority_id FROM ca_journals ORDER BY id DESC LIMIT 1")
        .pluck()
        .get() ?? "",
  );
}

/** Waits until a workload of the agent has these identities: two syncs of five seconds, at the most. */
async function until(agent: SpireAgent, expected: readonly string[]): Promise<void> {
  for (const deadline = performance.now() + 20_000; ; await sleep(250)) {
    const found = await agent.identities();
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
    if (performance.now() > deadline) assert.deepEqual(found, expected);
  }
}

/** Reads changes, each once. */
function watchOf(
  stream: AsyncIterable<datastore.WatchChangesResponse>,
): { until(expected: string): Promise<void> } & AsyncDisposable {
  const changes = (async function* () {
    for await (const message of stream) for (const { what } of message.changes) yield what;
  })();
  return {
    until: async (expected) => {
      for (;;) {
        const { value, done } = await changes.next();
        assert.ok(done !== true, "the stream ended");
        if (`${value?.$case} ${value?.value}` === expected) return;
      }
    },
    [Symbol.asyncDispose]: async () => {
      await changes.return();
    },
  };
}
