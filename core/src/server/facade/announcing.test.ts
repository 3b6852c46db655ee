import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import type { Bundle as WireBundle } from "@finial/proto/plugin/types/bundle";
import { Code, definePlugin, StatusError } from "@finial/sdk";
import { BundlePublisher, Notifier } from "@finial/sdk/server";
import { loadPlugin, type TestCa, testCa } from "@finial/sdk/testing";
import { bindBundlePublisherV1 } from "./bundlepublisher-v1.ts";
import { bindNotifierV1 } from "./notifier-v1.ts";

let ca: TestCa;

before(async () => {
  ca = await testCa();
});

const broken = new StatusError(Code.PermissionDenied, "NO", "no access to the bucket");

describe("bindNotifierV1()", () => {
  it("advises of the loaded bundle, and notifies of a changed one", async () => {
    const heard: unknown[] = [];
    const hear = (rpc: string, event: string | undefined, bundle: WireBundle | undefined) => {
      const [root] = bundle?.x509Authorities ?? [];
      heard.push([rpc, event, bundle?.trustDomain, root?.asn1.equals(ca.rootDer)]);
      return {};
    };
    await using loaded = await loadPlugin(
      definePlugin({
        type: Notifier,
        name: "test",
        open: () => ({
          service: {
            notify: ({ event }) => hear("notify", event?.$case, event?.value.bundle),
            notifyAndAdvise: ({ event }) => hear("notifyAndAdvise", event?.$case, event?.value.bundle),
          },
        }),
      }),
    );
    const notifier = bindNotifierV1(loaded);
    await notifier.bundleLoaded(ca.bundle);
    await notifier.bundleUpdated(ca.bundle);
    assert.deepEqual(heard, [
      ["notifyAndAdvise", "bundleLoaded", "example.org", true],
      ["notify", "bundleUpdated", "example.org", true],
    ]);
  });

  it("passes on what the plugin says, by its name", async () => {
    const fail = () => {
      throw broken;
    };
    await using loaded = await loadPlugin(
      definePlugin({
        type: Notifier,
        name: "test",
        open: () => ({ service: { notify: fail, notifyAndAdvise: fail } }),
      }),
    );
    const notifier = bindNotifierV1(loaded);
    for (const told of [notifier.bundleLoaded(ca.bundle), notifier.bundleUpdated(ca.bundle)])
      await assert.rejects(told, { code: broken.code, message: `notifier(test): ${broken.message}` });
  });
});

describe("bindBundlePublisherV1()", () => {
  it("hands over the bundle, and passes on what the plugin says, by its name", async () => {
    let heard: unknown;
    let failure: StatusError | undefined;
    await using loaded = await loadPlugin(
      definePlugin({
        type: BundlePublisher,
        name: "test",
        open: () => ({
          service: {
            publishBundle: ({ bundle }) => {
              if (failure !== undefined) throw failure;
              heard = [bundle?.trustDomain, bundle?.sequenceNumber, bundle?.jwtAuthorities[0]?.keyId];
              return {};
            },
          },
        }),
      }),
    );
    const publisher = bindBundlePublisherV1(loaded);
    await publisher.publishBundle(ca.bundle);
    assert.deepEqual(heard, ["example.org", 1, ca.jwtKeyId]);
    failure = broken;
    await assert.rejects(publisher.publishBundle(ca.bundle), {
      code: broken.code,
      message: `bundlepublisher(test): ${broken.message}`,
    });
  });
});
