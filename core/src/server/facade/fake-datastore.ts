import { Code, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import {
  type Bundle,
  formatSelector,
  type RegistrationEntry,
  type Selector,
  type X509Authority,
} from "@finial/sdk/spiffe";
import type { AttestedNode, CaJournal, DataStore, JoinToken, StoreChange } from "./datastore.ts";

type FakedCalls =
  | "name"
  | "findBundle"
  | "setBundle"
  | "appendBundle"
  | "pruneBundle"
  | "taintX509Authority"
  | "revokeX509Authority"
  | "createEntry"
  | "findEntry"
  | "findEntries"
  | "listEntries"
  | "deleteEntry"
  | "pruneEntries"
  | "createNode"
  | "findNode"
  | "listNodes"
  | "countNodes"
  | "updateNode"
  | "deleteNode"
  | "pruneNodes"
  | "setNodeSelectors"
  | "getNodeSelectors"
  | "listNodeSelectors"
  | "createJoinToken"
  | "findJoinToken"
  | "takeJoinToken"
  | "setCaJournal"
  | "findCaJournal"
  | "listCaJournals"
  | "deleteCaJournal"
  | "watchChanges";

type Written =
  | { readonly kind: "entry"; readonly entryId: string }
  | { readonly kind: "node"; readonly spiffeId: string }
  | { readonly kind: "bundle"; readonly trustDomain: string };

interface Watcher {
  readonly changes: StoreChange[];
  wake: PromiseWithResolvers<void>;
}

/**
 * A data store in memory, for tests: what the port says of each call, without filters other than a SPIFFE ID. Its calls can be made to
 * fail or to wait.
 */
export class FakeDataStore implements Pick<DataStore, FakedCalls> {
  readonly name = "fake";
  readonly bundles = new Map<string, Bundle>();
  readonly entries = new Map<string, RegistrationEntry>();
  readonly nodes = new Map<string, AttestedNode>();
  readonly nodeSelectors = new Map<string, readonly Selector[]>();
  readonly joinTokens = new Map<string, JoinToken>();
  readonly journals = new Map<number, CaJournal>();
  /** What was called, in order. */
  readonly calls: string[] = [];
  /** Whether every call fails. */
  away = false;
  readonly #failures = new Map<string, StatusError>();
  readonly #gates = new Map<string, () => Promise<void>>();
  readonly #watchers = new Set<Watcher>();
  #revision = 0;
  #lastId = 0;

  /** Has a call fail until it is told to work again. */
  fail(call: FakedCalls, error: StatusError | undefined = storeAway): void {
    this.#failures.set(call, error);
  }

  work(): void {
    this.#failures.clear();
  }

  /** Has the next such call wait, before it does anything; those after it go on. */
  hold(call: FakedCalls): { readonly reached: Promise<void>; readonly release: () => void } {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    this.#gates.set(call, () => {
      this.#gates.delete(call);
      reached.resolve();
      return gate.promise;
    });
    return { reached: reached.promise, release: gate.resolve };
  }

  /** Ends every change stream, as a plugin that goes away does. */
  breakStreams(): void {
    for (const watcher of this.#watchers) watcher.wake.reject(storeAway);
  }

  /** Change streams that are open. */
  get watchers(): number {
    return this.#watchers.size;
  }

  async #call(name: FakedCalls): Promise<void> {
    this.calls.push(name);
    await this.#gates.get(name)?.();
    const failure = this.away ? storeAway : this.#failures.get(name);
    if (failure !== undefined) throw failure;
  }

  #changed(change: Written): void {
    const told = { ...change, revision: ++this.#revision };
    for (const watcher of this.#watchers) {
      watcher.changes.push(told);
      watcher.wake.resolve();
    }
  }

  async *watchChanges({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<StoreChange> {
    await this.#call("watchChanges");
    const watcher: Watcher = {
      changes: [{ kind: "reset", revision: this.#revision, epoch: "" }],
      wake: Promise.withResolvers(),
    };
    this.#watchers.add(watcher);
    const end = (): void => watcher.wake.resolve();
    signal.addEventListener("abort", end);
    try {
      while (!signal.aborted) {
        yield* watcher.changes.splice(0);
        await watcher.wake.promise;
        watcher.wake = Promise.withResolvers();
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", end);
    }
  }

  async findBundle(trustDomain: Bundle["trustDomain"]): Promise<Bundle | undefined> {
    await this.#call("findBundle");
    return this.bundles.get(trustDomain.name);
  }

  async setBundle(bundle: Bundle): Promise<Bundle> {
    await this.#call("setBundle");
    this.bundles.set(bundle.trustDomain.name, bundle);
    this.#changed({ kind: "bundle", trustDomain: bundle.trustDomain.name });
    return bundle;
  }

  async appendBundle(bundle: Bundle): Promise<Bundle> {
    await this.#call("appendBundle");
    const old = this.bundles.get(bundle.trustDomain.name) ?? {
      ...bundle,
      x509Authorities: [],
      jwtAuthorities: [],
      sequenceNumber: 0,
    };
    const x509 = bundle.x509Authorities.filter(
      ({ certificateDer }) => !old.x509Authorities.some((has) => has.certificateDer.equals(certificateDer)),
    );
    const jwt = bundle.jwtAuthorities.filter(
      ({ keyId }) => !old.jwtAuthorities.some((has) => has.keyId === keyId),
    );
    if (x509.length + jwt.length === 0) return old;
    return this.#replaceBundle({
      ...old,
      x509Authorities: [...old.x509Authorities, ...x509],
      jwtAuthorities: [...old.jwtAuthorities, ...jwt],
    });
  }

  #replaceBundle(bundle: Bundle): Bundle {
    const next = { ...bundle, sequenceNumber: bundle.sequenceNumber + 1 };
    this.bundles.set(bundle.trustDomain.name, next);
    this.#changed({ kind: "bundle", trustDomain: bundle.trustDomain.name });
    return next;
  }

  #bundleOf(trustDomain: Bundle["trustDomain"]): Bundle {
    const bundle = this.bundles.get(trustDomain.name);
    if (bundle === undefined) throw notFound();
    return bundle;
  }

  async pruneBundle(trustDomain: Bundle["trustDomain"], expiredBefore: Date): Promise<boolean> {
    await this.#call("pruneBundle");
    const bundle = this.#bundleOf(trustDomain);
    const x509Authorities = bundle.x509Authorities.filter(
      ({ certificateDer }) => Certificate.parse(certificateDer).notAfter > expiredBefore,
    );
    const jwtAuthorities = bundle.jwtAuthorities.filter(
      ({ expiresAt }) => expiresAt === undefined || expiresAt > expiredBefore,
    );
    const before = bundle.x509Authorities.length + bundle.jwtAuthorities.length;
    if (x509Authorities.length + jwtAuthorities.length === before) return false;
    this.#replaceBundle({ ...bundle, x509Authorities, jwtAuthorities });
    return true;
  }

  async taintX509Authority(trustDomain: Bundle["trustDomain"], subjectKeyId: string): Promise<void> {
    await this.#call("taintX509Authority");
    const bundle = this.#bundleOf(trustDomain);
    const isMeant = ({ certificateDer }: X509Authority): boolean => keyIdOf(certificateDer) === subjectKeyId;
    if (!bundle.x509Authorities.some(isMeant)) throw notFound();
    if (bundle.x509Authorities.some((authority) => isMeant(authority) && authority.tainted))
      throw new StatusError(Code.InvalidArgument, "TAINTED", "datastore-fake: tainted already");
    this.#replaceBundle({
      ...bundle,
      x509Authorities: bundle.x509Authorities.map((authority) =>
        isMeant(authority) ? { ...authority, tainted: true } : authority,
      ),
    });
  }

  async revokeX509Authority(trustDomain: Bundle["trustDomain"], subjectKeyId: string): Promise<void> {
    await this.#call("revokeX509Authority");
    const bundle = this.#bundleOf(trustDomain);
    this.#replaceBundle({
      ...bundle,
      x509Authorities: bundle.x509Authorities.filter(
        ({ certificateDer }) => keyIdOf(certificateDer) !== subjectKeyId,
      ),
    });
  }

  async createEntry(entry: RegistrationEntry) {
    await this.#call("createEntry");
    const created = { ...entry, id: entry.id || `entry-${++this.#lastId}` };
    this.entries.set(created.id, created);
    this.#changed({ kind: "entry", entryId: created.id });
    return { entry: created, existing: false };
  }

  async findEntry(id: string): Promise<RegistrationEntry | undefined> {
    await this.#call("findEntry");
    return this.entries.get(id);
  }

  async findEntries(ids: readonly string[]): Promise<readonly RegistrationEntry[]> {
    await this.#call("findEntries");
    return ids.flatMap((id) => this.entries.get(id) ?? []);
  }

  async listEntries(filter: { readonly bySpiffeId?: RegistrationEntry["spiffeId"] } = {}) {
    await this.#call("listEntries");
    const { bySpiffeId } = filter;
    const items = [...this.entries.values()].filter(
      ({ spiffeId }) => bySpiffeId === undefined || spiffeId.equals(bySpiffeId),
    );
    return { items, nextToken: "" };
  }

  async deleteEntry(id: string): Promise<RegistrationEntry> {
    await this.#call("deleteEntry");
    const entry = this.entries.get(id);
    if (entry === undefined) throw notFound();
    this.entries.delete(id);
    this.#changed({ kind: "entry", entryId: id });
    return entry;
  }

  async pruneEntries(expiresBefore: Date): Promise<readonly RegistrationEntry[]> {
    await this.#call("pruneEntries");
    const expired = [...this.entries.values()].filter(
      ({ expiresAt }) => expiresAt !== undefined && expiresAt < expiresBefore,
    );
    for (const { id } of expired) this.entries.delete(id);
    return expired;
  }

  async createNode(node: AttestedNode): Promise<AttestedNode> {
    await this.#call("createNode");
    const key = node.spiffeId.toString();
    if (this.nodes.has(key)) throw new StatusError(Code.AlreadyExists, "EXISTS", "datastore-fake: exists");
    this.nodes.set(key, node);
    this.#changed({ kind: "node", spiffeId: key });
    return node;
  }

  async findNode(spiffeId: AttestedNode["spiffeId"]): Promise<AttestedNode | undefined> {
    await this.#call("findNode");
    return this.nodes.get(spiffeId.toString());
  }

  async listNodes(...[, options = {}]: Parameters<DataStore["listNodes"]>) {
    await this.#call("listNodes");
    const { page, withSelectors = false } = options;
    const all = [...this.nodes.values()].map((node) => ({
      ...node,
      selectors: withSelectors ? (this.nodeSelectors.get(node.spiffeId.toString()) ?? []) : [],
    }));
    if (page === undefined) return { items: all, nextToken: "" };
    const start = Number(page.token || 0);
    const items = all.slice(start, start + page.size);
    return { items, nextToken: items.length === page.size ? String(start + page.size) : "" };
  }

  async countNodes(): Promise<number> {
    await this.#call("countNodes");
    return this.nodes.size;
  }

  async updateNode(...[spiffeId, update]: Parameters<DataStore["updateNode"]>): Promise<AttestedNode> {
    await this.#call("updateNode");
    const key = spiffeId.toString();
    const node = this.nodes.get(key);
    if (node === undefined) throw notFound();
    const updated = { ...node, ...update };
    this.nodes.set(key, updated);
    this.#changed({ kind: "node", spiffeId: key });
    return updated;
  }

  async deleteNode(spiffeId: AttestedNode["spiffeId"]): Promise<AttestedNode> {
    await this.#call("deleteNode");
    const key = spiffeId.toString();
    const node = this.nodes.get(key);
    if (node === undefined) throw notFound();
    this.nodes.delete(key);
    this.nodeSelectors.delete(key);
    this.#changed({ kind: "node", spiffeId: key });
    return node;
  }

  async pruneNodes(...[options]: Parameters<DataStore["pruneNodes"]>): Promise<number> {
    await this.#call("pruneNodes");
    const expired = [...this.nodes.values()]
      .filter(
        (node) =>
          node.expiresAt < options.expiredBefore &&
          node.serialNumber !== "" &&
          (node.canReattest || options.includeNonReattestable),
      )
      .slice(0, options.limit);
    for (const { spiffeId } of expired) this.nodes.delete(spiffeId.toString());
    return expired.length;
  }

  async setNodeSelectors(...[spiffeId, selectors]: Parameters<DataStore["setNodeSelectors"]>): Promise<void> {
    await this.#call("setNodeSelectors");
    this.nodeSelectors.set(spiffeId.toString(), selectors);
    this.#changed({ kind: "node", spiffeId: spiffeId.toString() });
  }

  async getNodeSelectors(spiffeId: AttestedNode["spiffeId"]): Promise<readonly Selector[]> {
    await this.#call("getNodeSelectors");
    return this.nodeSelectors.get(spiffeId.toString()) ?? [];
  }

  async listNodeSelectors(): Promise<ReadonlyMap<string, readonly Selector[]>> {
    await this.#call("listNodeSelectors");
    return new Map(this.nodeSelectors);
  }

  async createJoinToken(token: JoinToken): Promise<void> {
    await this.#call("createJoinToken");
    if (this.joinTokens.has(token.token))
      throw new StatusError(Code.AlreadyExists, "EXISTS", "datastore-fake: exists");
    this.joinTokens.set(token.token, token);
  }

  async findJoinToken(token: string): Promise<JoinToken | undefined> {
    await this.#call("findJoinToken");
    return this.joinTokens.get(token);
  }

  async takeJoinToken(token: string): Promise<JoinToken | undefined> {
    await this.#call("takeJoinToken");
    const taken = this.joinTokens.get(token);
    this.joinTokens.delete(token);
    return taken;
  }

  async setCaJournal(journal: CaJournal): Promise<number> {
    await this.#call("setCaJournal");
    const id = journal.id || ++this.#lastId;
    this.journals.set(id, { ...journal, id });
    return id;
  }

  async findCaJournal(activeX509AuthorityId: string): Promise<CaJournal | undefined> {
    await this.#call("findCaJournal");
    return [...this.journals.values()].find(
      (journal) => journal.activeX509AuthorityId === activeX509AuthorityId,
    );
  }

  async listCaJournals(): Promise<readonly CaJournal[]> {
    await this.#call("listCaJournals");
    return [...this.journals.values()];
  }

  async deleteCaJournal(id: number): Promise<void> {
    await this.#call("deleteCaJournal");
    if (!this.journals.delete(id)) throw notFound();
  }

  /** Of all nodes, `type:value` each. */
  selectorsOf(spiffeId: AttestedNode["spiffeId"]): readonly string[] {
    return (this.nodeSelectors.get(spiffeId.toString()) ?? []).map(formatSelector);
  }
}

/** What a store that is away throws. */
export const storeAway: StatusError = new StatusError(Code.Unavailable, "AWAY", "datastore-fake: away");

function notFound(): StatusError {
  return new StatusError(Code.NotFound, "NOT_FOUND", "datastore-fake: record not found");
}

function keyIdOf(certificateDer: Buffer): string | undefined {
  return Certificate.parse(certificateDer).subjectKeyId?.toString("hex");
}
