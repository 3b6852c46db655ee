import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId, parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog } from "@finial/sdk/testing";
import { checkTrustDomain } from "./check-trust-domain.ts";
import { FakeDataStore } from "./facade/fake-datastore.ts";

const trustDomain = parseTrustDomain("example.org");

async function storeOf(entryDomain: string, nodeDomain: string): Promise<FakeDataStore> {
  const store = new FakeDataStore();
  await store.createEntry({
    id: "e",
    spiffeId: parseSpiffeId(`spiffe://${entryDomain}/db`),
    parentId: parseSpiffeId(`spiffe://${entryDomain}/spire/agent/a`),
    selectors: [{ type: "unix", value: "uid:1" }],
    x509SvidTtlSeconds: 0,
    jwtSvidTtlSeconds: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    expiresAt: undefined,
    dnsNames: [],
    revisionNumber: 0,
    storeSvid: false,
    hint: "",
    createdAt: undefined,
    disableX509SvidPrefetch: false,
    jwtSvidIncludeJti: false,
  });
  await store.createNode({
    spiffeId: parseSpiffeId(`spiffe://${nodeDomain}/spire/agent/a`),
    attestationType: "x509pop",
    serialNumber: "1",
    expiresAt: new Date(0),
    newSerialNumber: "",
    newExpiresAt: undefined,
    canReattest: true,
    agentVersion: "",
    selectors: [],
  });
  return store;
}

describe("checkTrustDomain()", () => {
  it("takes an empty store, and one of its own", async () => {
    const logger = captureLog();
    await checkTrustDomain(new FakeDataStore(), trustDomain, logger);
    await checkTrustDomain(await storeOf("example.org", "example.org"), trustDomain, logger);
    assert.deepEqual(logger.lines, []);
  });

  it("refuses entries of another, and says what to do", async () => {
    const store = await storeOf("elsewhere.org", "example.org");
    await assert.rejects(
      checkTrustDomain(store, trustDomain, captureLog()),
      new StatusError(
        Code.FailedPrecondition,
        "TRUST_DOMAIN_MISMATCH",
        "a registration entry with trust domain 'elsewhere.org' has been detected, which does not match the configured trust domain of 'example.org'; clear the data store, or set the trust domain it was filled for",
      ),
    );
  });

  it("warns of agents of another: they are not let in", async () => {
    const logger = captureLog();
    await checkTrustDomain(await storeOf("example.org", "elsewhere.org"), trustDomain, logger);
    assert.deepEqual(logger.lines, [
      {
        level: "warn",
        message:
          "An attested node with trust domain 'elsewhere.org' has been detected, which does not match the configured trust domain of 'example.org': it will never be let in",
        fields: {},
      },
    ]);
  });
});
