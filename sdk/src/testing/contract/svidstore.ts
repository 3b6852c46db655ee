import assert from "node:assert/strict";
import { SVIDStoreDefinition } from "@finial/proto/plugin/agent/svidstore/v1/svidstore";
import type { LoadedPlugin } from "../load-plugin.ts";
import { type TestCa, type TestX509Svid, testCa } from "../test-ca.ts";
import { configurationContract } from "./configuration.ts";
import { refusalOf } from "./refusal.ts";
import { describe, it } from "./suite.ts";

export interface SvidStoreContract {
  /** Where to put it: the values of an entry's selectors. */
  readonly metadata: readonly string[];
  /** A fresh, configured plugin, and a look into its store, where that can be had: the chain that is there, leaf first, DER. */
  readonly load: () => Promise<{
    readonly plugin: LoadedPlugin;
    readonly findChain?: () => Promise<readonly Buffer[] | undefined>;
  }>;
}

/** What every SVIDStore must do, as tests of the running file. */
export function svidStoreContract({ metadata, load }: SvidStoreContract): void {
  configurationContract(async () => (await load()).plugin);
  const requestOf = (ca: TestCa, svid: TestX509Svid) => ({
    svid: {
      spiffeID: svid.spiffeId.toString(),
      certChain: [...svid.chainDer],
      privateKey: svid.keyPkcs8Der,
      bundle: [ca.rootDer],
      expiresAt: 4_102_444_800,
    },
    metadata: [...metadata],
    federatedBundles: {},
  });

  describe("the SVIDStore contract", () => {
    it("keeps an X.509-SVID, and the next in its place", async () => {
      const { plugin, findChain } = await load();
      await using _ = plugin;
      const store = plugin.client(SVIDStoreDefinition);
      const ca = await testCa();
      for (const svid of [await ca.x509Svid("/db"), await ca.x509Svid("/db")]) {
        await store.putX509SVID(requestOf(ca, svid));
        if (findChain !== undefined) assert.deepEqual(await findChain(), [...svid.chainDer]);
      }
    });

    it("deletes it, and does not mind when it is not there", async () => {
      const { plugin, findChain } = await load();
      await using _ = plugin;
      const store = plugin.client(SVIDStoreDefinition);
      const ca = await testCa();
      await store.putX509SVID(requestOf(ca, await ca.x509Svid("/db")));
      for (let times = 0; times < 2; times++) {
        await store.deleteX509SVID({ metadata: [...metadata] });
        assert.equal(await findChain?.(), undefined);
      }
    });

    it("refuses what has no place, or no SVID", async () => {
      const { plugin } = await load();
      await using _ = plugin;
      const store = plugin.client(SVIDStoreDefinition);
      const ca = await testCa();
      const request = requestOf(ca, await ca.x509Svid("/db"));
      await refusalOf(store.putX509SVID({ ...request, metadata: [] }));
      await refusalOf(store.putX509SVID({ metadata: [...metadata] }));
      await refusalOf(store.deleteX509SVID({}));
    });
  });
}
