import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AgentStoreDefinition } from "@finial/proto/plugin/hostservice/server/agentstore/v1/agentstore";
import { IdentityProviderDefinition } from "@finial/proto/plugin/hostservice/server/identityprovider/v1/identityprovider";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { FakeClock, testCa } from "@finial/sdk/testing";
import { fakeCall } from "../api/fake-call.ts";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { type AgentStoreNeeds, agentStoreService } from "./agentstore.ts";
import { type IdentitySource, identityProviderService } from "./identityprovider.ts";
import { Later } from "./later.ts";

const plugin = { type: "NodeAttestor", name: "x509pop" };

describe("agentStoreService()", () => {
  const ask = (store: Later<AgentStoreNeeds>, agentId: string) =>
    agentStoreService(store)
      .handlersFor(plugin as never)
      .getAgentInfo?.({ agentId }, fakeCall());

  it("is SPIRE's", () => {
    assert.equal(agentStoreService(new Later()).definition, AgentStoreDefinition);
  });

  it("is not ready before the store is, and says so", async () => {
    await assert.rejects(
      async () => ask(new Later(), "spiffe://example.org/spire/agent/a"),
      new StatusError(
        Code.FailedPrecondition,
        "HOST_SERVICE_NOT_READY",
        "AgentStore host service has not been initialized",
      ),
    );
  });

  it("tells whether an agent is known, a banned one, too, and nothing more", async () => {
    const store = new FakeDataStore();
    const spiffeId = parseSpiffeId("spiffe://example.org/spire/agent/a");
    await store.createNode({
      spiffeId,
      attestationType: "x509pop",
      serialNumber: "",
      expiresAt: new Date(0),
      newSerialNumber: "",
      newExpiresAt: undefined,
      canReattest: true,
      agentVersion: "",
      selectors: [],
    });
    const later = new Later<AgentStoreNeeds>();
    later.set(store);
    assert.deepEqual(await ask(later, spiffeId.toString()), { info: { agentId: spiffeId.toString() } });
    await assert.rejects(
      async () => ask(later, "spiffe://example.org/spire/agent/b"),
      new StatusError(Code.NotFound, "AGENT_NOT_FOUND", "no such agent"),
    );
    await assert.rejects(async () => ask(later, "agent a"), { code: Code.InvalidArgument });
  });
});

describe("identityProviderService()", () => {
  const ask = (source: Later<IdentitySource>) =>
    identityProviderService(source)
      .handlersFor(plugin as never)
      .fetchX509Identity?.({}, fakeCall());

  it("is SPIRE's", () => {
    assert.equal(identityProviderService(new Later()).definition, IdentityProviderDefinition);
  });

  it("is not ready before the server has an SVID, and says so", async () => {
    await assert.rejects(
      async () => ask(new Later()),
      new StatusError(
        Code.FailedPrecondition,
        "HOST_SERVICE_NOT_READY",
        "IdentityProvider host service has not been initialized",
      ),
    );
  });

  it("gives the SVID there is now, with its key, and the bundle", async () => {
    const ca = await testCa({ clock: new FakeClock() });
    const svids = [await ca.x509Svid("/spire/server"), await ca.x509Svid("/spire/server")];
    let current = svids[0];
    const later = new Later<IdentitySource>();
    later.set({
      findBundle: async () => ca.bundle,
      identity: () => current ?? assert.fail(),
    });
    for (const svid of svids) {
      current = svid;
      const { identity, bundle } = (await ask(later)) ?? assert.fail();
      assert.deepEqual(identity, { certChain: svid.chainDer, privateKey: svid.keyPkcs8Der });
      assert.equal(bundle?.trustDomain, "example.org");
      assert.deepEqual(bundle?.x509Authorities?.[0]?.asn1, ca.rootDer);
    }
  });
});
