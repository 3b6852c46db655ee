import type { Change, DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code, StatusError } from "@finial/sdk";
import type { Client } from "@finial/sdk/internal";
import type { StoreChange } from "./datastore.ts";

/** The store's ordered changes. It knows which history the last revision it gave belongs to. */
export class StoreChanges {
  readonly #client: Client<typeof DataStoreDefinition>;
  #epoch = "";

  constructor(client: Client<typeof DataStoreDefinition>) {
    this.#client = client;
  }

  async *watch(after: number | undefined, signal: AbortSignal): AsyncGenerator<StoreChange> {
    const request = after === undefined ? {} : { epoch: this.#epoch, afterRevision: after };
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

  #read({ revision, what }: Change): StoreChange {
    switch (what?.$case) {
      case "reset":
        this.#epoch = what.value.epoch;
        return { revision, kind: "reset" };
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
