import {
  formatSelector,
  isSelectorSubset,
  type RegistrationEntry,
  type Selector,
  type SpiffeId,
  selectorSet,
  type TrustDomain,
} from "@finial/sdk/spiffe";

/** The parent that makes an entry a node alias: a further SPIFFE ID for all agents with its selectors. */
const aliasParentPath = "/spire/server";

interface Alias {
  readonly entry: RegistrationEntry;
  /** One of its selectors, `type:value`: an agent that lacks it lacks the alias. */
  readonly pivot: string;
}

/** What is known of an agent; `aliasPaths` is worked out when first asked for. */
interface Agent {
  readonly selectors: ReadonlySet<string>;
  aliasPaths: { readonly generation: number; readonly paths: readonly string[] } | undefined;
}

const noSelectors: Agent = { selectors: new Set(), aliasPaths: { generation: -1, paths: [] } };

/**
 * Which entries which agent may have: those below its own SPIFFE ID or below an alias of it, and those below these,
 * and so on. Held in memory, by path, for one trust domain; entries of others are not kept.
 */
export class EntryIndex {
  readonly #trustDomain: TrustDomain;
  readonly #entries = new Map<string, RegistrationEntry>();
  readonly #byParentPath = new Map<string, Map<string, RegistrationEntry>>();
  readonly #aliases = new Map<string, Alias>();
  readonly #aliasesByPivot = new Map<string, Set<Alias>>();
  readonly #agents = new Map<string, Agent>();
  /** Grows when aliases change, so that agents' own lists of them go stale. */
  #aliasGeneration = 0;

  constructor(trustDomain: TrustDomain) {
    this.#trustDomain = trustDomain;
  }

  /** Entries and aliases held. */
  get size(): number {
    return this.#entries.size + this.#aliases.size;
  }

  /** Adds an entry, or replaces the one with its ID. */
  setEntry(entry: RegistrationEntry): void {
    this.deleteEntry(entry.id);
    if (!entry.spiffeId.memberOf(this.#trustDomain) || !entry.parentId.memberOf(this.#trustDomain)) return;
    if (entry.parentId.path === aliasParentPath) this.#setAlias(entry);
    else {
      const siblings = this.#byParentPath.get(entry.parentId.path) ?? new Map<string, RegistrationEntry>();
      this.#byParentPath.set(entry.parentId.path, siblings);
      const shared = withSharedParent(entry, siblings);
      siblings.set(entry.id, shared);
      this.#entries.set(entry.id, shared);
    }
  }

  deleteEntry(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      this.#deleteAlias(id);
      return;
    }
    this.#entries.delete(id);
    const siblings = this.#byParentPath.get(entry.parentId.path);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#byParentPath.delete(entry.parentId.path);
  }

  /** @param agentId an agent's SPIFFE ID, as text. */
  setAgent(agentId: string, selectors: readonly Selector[]): void {
    this.#agents.set(agentId, { selectors: selectorSet(selectors), aliasPaths: undefined });
  }

  deleteAgent(agentId: string): void {
    this.#agents.delete(agentId);
  }

  /** All entries the agent may have, each once, in no order. An agent that is not known yet has no aliases. */
  entriesOf(agentId: SpiffeId): readonly RegistrationEntry[] {
    const found: RegistrationEntry[] = [];
    if (agentId.memberOf(this.#trustDomain)) this.#descend(agentId, (entry) => found.push(entry) > 0);
    return found;
  }

  /** The entry, if the agent may have it. */
  findEntryOf(agentId: SpiffeId, entryId: string): RegistrationEntry | undefined {
    const entry = this.#entries.get(entryId);
    if (entry === undefined || !agentId.memberOf(this.#trustDomain)) return undefined;
    const parent = entry.parentId.path;
    if (parent === agentId.path || this.#aliasPathsOf(agentId).includes(parent)) return entry;
    let found: RegistrationEntry | undefined;
    this.#descend(agentId, (candidate) => {
      if (candidate.id === entryId) found = candidate;
      return found === undefined;
    });
    return found;
  }

  /** Visits what is below the agent and its aliases, each parent once, so that cycles end, until `visit` says false. */
  #descend(agentId: SpiffeId, visit: (entry: RegistrationEntry) => boolean): void {
    const toVisit = [...new Set([agentId.path, ...this.#aliasPathsOf(agentId)])];
    const seen = new Set(toVisit);
    for (let path = toVisit.pop(); path !== undefined; path = toVisit.pop()) {
      for (const entry of this.#byParentPath.get(path)?.values() ?? []) {
        if (!visit(entry)) return;
        const own = entry.spiffeId.path;
        if (seen.has(own) || !this.#byParentPath.has(own)) continue;
        seen.add(own);
        toVisit.push(own);
      }
    }
  }

  #aliasPathsOf(agentId: SpiffeId): readonly string[] {
    const agent = this.#agents.get(agentId.toString()) ?? noSelectors;
    if (agent.selectors.size === 0) return [];
    if (agent.aliasPaths?.generation !== this.#aliasGeneration) {
      const paths = new Set<string>();
      for (const selector of agent.selectors) {
        for (const { entry } of this.#aliasesByPivot.get(selector) ?? []) {
          if (isSelectorSubset(entry.selectors, agent.selectors)) paths.add(entry.spiffeId.path);
        }
      }
      agent.aliasPaths = { generation: this.#aliasGeneration, paths: [...paths] };
    }
    return agent.aliasPaths.paths;
  }

  #setAlias(entry: RegistrationEntry): void {
    const [first] = entry.selectors;
    // Without selectors it would be an alias of every agent.
    if (first === undefined) return;
    const alias = { entry, pivot: formatSelector(first) };
    this.#aliases.set(entry.id, alias);
    const others = this.#aliasesByPivot.get(alias.pivot) ?? new Set<Alias>();
    this.#aliasesByPivot.set(alias.pivot, others.add(alias));
    this.#aliasGeneration++;
  }

  #deleteAlias(id: string): void {
    const alias = this.#aliases.get(id);
    if (alias === undefined) return;
    this.#aliases.delete(id);
    const others = this.#aliasesByPivot.get(alias.pivot);
    others?.delete(alias);
    if (others?.size === 0) this.#aliasesByPivot.delete(alias.pivot);
    this.#aliasGeneration++;
  }
}

/** Thousands of entries have the same parent; one value of it is enough. */
function withSharedParent(
  entry: RegistrationEntry,
  siblings: ReadonlyMap<string, RegistrationEntry>,
): RegistrationEntry {
  for (const { parentId } of siblings.values()) return { ...entry, parentId };
  return entry;
}
