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
  /** The way up: by their own paths, which several may share. */
  readonly #byPath = new Map<string, RegistrationEntry[]>();
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
      const namesakes = this.#byPath.get(shared.spiffeId.path);
      if (namesakes === undefined) this.#byPath.set(shared.spiffeId.path, [shared]);
      else namesakes.push(shared);
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
    const namesakes = this.#byPath.get(entry.spiffeId.path) ?? [];
    if (namesakes.length > 1) namesakes.splice(namesakes.indexOf(entry), 1);
    else this.#byPath.delete(entry.spiffeId.path);
  }

  /** @param agentId an agent's SPIFFE ID, as text. */
  setAgent(agentId: string, selectors: readonly Selector[]): void {
    this.#agents.set(agentId, { selectors: selectorSet(selectors), aliasPaths: undefined });
  }

  deleteAgent(agentId: string): void {
    this.#agents.delete(agentId);
  }

  /**
   * The entry, if the agent may have it. Asked for each SVID, and so looked up from the entry to the agent: below an agent
   * there may be thousands, above an entry there are few.
   */
  findEntryOf(agentId: SpiffeId, entryId: string): RegistrationEntry | undefined {
    const entry = this.#entries.get(entryId);
    if (entry === undefined || !agentId.memberOf(this.#trustDomain)) return undefined;
    const aliasPaths = this.#aliasPathsOf(agentId);
    const toVisit = [entry.parentId.path];
    const seen = new Set(toVisit);
    for (let path = toVisit.pop(); path !== undefined; path = toVisit.pop()) {
      if (path === agentId.path || aliasPaths.includes(path)) return entry;
      for (const { parentId } of this.#byPath.get(path) ?? []) {
        if (seen.has(parentId.path)) continue;
        seen.add(parentId.path);
        toVisit.push(parentId.path);
      }
    }
    return undefined;
  }

  /** All entries the agent may have, each once, in no order. An agent that is not known yet has no aliases. */
  entriesOf(agentId: SpiffeId): readonly RegistrationEntry[] {
    if (!agentId.memberOf(this.#trustDomain)) return [];
    const found: RegistrationEntry[] = [];
    // Each parent once, so that cycles end.
    const toVisit = [...new Set([agentId.path, ...this.#aliasPathsOf(agentId)])];
    const seen = new Set(toVisit);
    for (let path = toVisit.pop(); path !== undefined; path = toVisit.pop()) {
      for (const entry of this.#byParentPath.get(path)?.values() ?? []) {
        found.push(entry);
        const own = entry.spiffeId.path;
        if (seen.has(own) || !this.#byParentPath.has(own)) continue;
        seen.add(own);
        toVisit.push(own);
      }
    }
    return found;
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
