import type { Change, DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code, StatusError } from "@finial/sdk";
import type { Client } from "@finial/sdk/internal";
import { refusedReason } from "../../kernel/pluginhost/supervisor.ts";
import type { StoreChange, StorePosition } from "./datastore.ts";

/** The store's ordered changes. It knows which was the last it gave, whoever read it, and of which history. */
export class StoreChanges {
  readonly #client: Client<typeof DataStoreDefinition>;
  #epoch = "";
  /** The newest that was told of. */
  #revision = 0;

  constructor(client: Client<typeof DataStoreDefinition>) {
    this.#client = client;
  }

  async *watch(after: StorePosition | undefined, signal: AbortSignal): AsyncGenerator<StoreChange> {
    const request = after === undefined ? {} : { epoch: after.epoch, afterRevision: after.revision };
    try {
      for await (const { changes } of this.#client.watchChanges(request, { signal }))
        for (const change of changes) yield this.#read(change);
    } catch (error) {
      if (!signal.aborted) throw error;
      return;
    }
    if (!signal.aborted)
      throw new StatusError(Code.Unavailable, "STREAM_ENDED", "the plugin closed its change stream");
  }

  /**
   * Looks whether another process has the same store, in the same state or a later one.
   *
   * @throws {StatusError} FailedPrecondition `PLUGIN_REFUSED` when it has not.
   */
  async examine(fresh: Client<typeof DataStoreDefinition>): Promise<void> {
    // A store whose histories have no names cannot be told from another.
    if (this.#epoch === "") return;
    const asked = { epoch: this.#epoch, afterRevision: this.#revision };
    for await (const { changes } of fresh.watchChanges(asked)) {
      const [first] = changes;
      if (first?.what?.$case === "reset" && first.revision === asked.afterRevision) return;
      throw new StatusError(
        Code.FailedPrecondition,
        refusedReason,
        "it came back with another store than it had, or an older state of it; it is used again when it has that one, or after a restart of the server",
      );
    }
    throw new StatusError(Code.Unavailable, "STREAM_ENDED", "the plugin closed its change stream");
  }

  #read({ revision, what }: Change): StoreChange {
    this.#revision = what?.$case === "reset" ? revision : Math.max(this.#revision, revision);
    switch (what?.$case) {
      case "reset":
        this.#epoch = what.value.epoch;
        return { revision, kind: "reset", epoch: this.#epoch };
      case "entryId":
        return { revision, kind: "entry", entryId: what.value };
      case "nodeSpiffeId":
        return { revision, kind: "node", spiffeId: what.value };
      case "bundleTrustDomain":
        return { revision, kind: "bundle", trustDomain: what.value };
      case "federationTrustDomain":
        return { revision, kind: "federation", trustDomain: what.value };
      default:
        throw new StatusError(Code.Internal, "PLUGIN_RESPONSE", "plugin told of a change of no known kind");
    }
  }
}
