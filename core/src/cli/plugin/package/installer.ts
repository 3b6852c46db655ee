import { Code, StatusError } from "@finial/sdk";
import { type PackageId, printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import { type LockedPackage, PluginLock } from "../../../kernel/pluginstore/plugin-lock.ts";
import { readLock, type StorePlaces } from "../../../kernel/pluginstore/plugin-store.ts";
import type { CommandIo } from "../../io.ts";
import { checkPluginPackage } from "./plugin-package.ts";
import type { ProvenancePolicy } from "./provenance-policy.ts";
import type { PackageRegistry, PublishedPackage } from "./registry.ts";
import { damageOf, storePackage, writeLock } from "./store-folder.ts";
import { unpack } from "./unpack.ts";

export interface InstallerOptions {
  readonly places: StorePlaces;
  readonly policy: ProvenancePolicy;
  /** A file; "": Sigstore's public root. */
  readonly trustedRoot: string;
  /** Where sentences go that are no failure. */
  readonly notes: CommandIo["stderr"];
  /** Opened when it is needed: what is in the store needs none. */
  readonly openRegistry: () => Promise<PackageRegistry>;
}

export interface Installed {
  readonly locked: LockedPackage;
  /** Whether it came from the registry. */
  readonly fetched: boolean;
}

/** Brings packages into the store, and names them in the lock file. */
export class Installer implements Disposable {
  readonly #options: InstallerOptions;
  #registry: PackageRegistry | undefined;

  constructor(options: InstallerOptions) {
    this.#options = options;
  }

  /** What is locked now. @throws {StatusError} FailedPrecondition `PLUGIN_LOCK`. */
  get lock(): PluginLock {
    return readLock(this.#options.places.lockFile) ?? PluginLock.empty;
  }

  /**
   * A package that is locked, as it was locked: from the store, or again from the registry.
   *
   * @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE`; NotFound or Unavailable of the registry.
   */
  async restore(locked: LockedPackage): Promise<Installed> {
    const { places, policy } = this.#options;
    policy.require(locked, locked.provenance);
    if ((await damageOf(locked, places.folder)).length === 0) return { locked, fetched: false };
    const registry = await this.#openRegistry();
    const unpacked = await unpack(await registry.fetch(locked, locked.integrity), printPackageId(locked));
    if (unpacked.tree.sha256 !== locked.treeSha256)
      throw new StatusError(
        Code.FailedPrecondition,
        "PLUGIN_PACKAGE",
        `${printPackageId(locked)}: what the registry sends has other files than were locked`,
      );
    storePackage(places.folder, unpacked);
    return { locked, fetched: true };
  }

  /** A package by its exact version: as it is locked, or else locked now. @throws {StatusError} as {@link add}. */
  async install(id: PackageId): Promise<Installed> {
    const locked = this.lock.find(id);
    return locked === undefined ? await this.add(printPackageId(id)) : await this.restore(locked);
  }

  /**
   * Fetches a package, checks it, puts it into the store and names it in the lock file, in this order.
   *
   * @param wanted as {@link PackageRegistry.resolve}.
   * @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE`; NotFound or Unavailable of the registry.
   */
  async add(wanted: string): Promise<Installed> {
    const registry = await this.#openRegistry();
    const published = await registry.resolve(wanted);
    const known = this.lock.find(published);
    if (known !== undefined) return await this.restore(known);
    const locked = await this.#fetch(published, registry);
    const { lockFile } = this.#options.places;
    // Read again: another one may have been locked meanwhile.
    writeLock(lockFile, this.lock.with(locked));
    return { locked, fetched: true };
  }

  /** Replaces the lock file. */
  relock(lock: PluginLock): void {
    writeLock(this.#options.places.lockFile, lock);
  }

  async #fetch(published: PublishedPackage, registry: PackageRegistry): Promise<LockedPackage> {
    const { places, policy, trustedRoot, notes } = this.#options;
    const { name, version, integrity } = published;
    const provenance = await registry.provenanceOf(published, trustedRoot);
    policy.require(published, provenance);
    const unpacked = await unpack(await registry.fetch(published, integrity), printPackageId(published));
    for (const note of checkPluginPackage(published, unpacked).notes) notes.write(`Note: ${note}\n`);
    storePackage(places.folder, unpacked);
    return { name, version, integrity, treeSha256: unpacked.tree.sha256, provenance };
  }

  async #openRegistry(): Promise<PackageRegistry> {
    this.#registry ??= await this.#options.openRegistry();
    return this.#registry;
  }

  [Symbol.dispose](): void {
    this.#registry?.[Symbol.dispose]();
  }
}
