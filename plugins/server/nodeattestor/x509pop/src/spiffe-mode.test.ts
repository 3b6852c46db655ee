import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, type Extension, extend, StatusError } from "@finial/sdk";
import { IdentityProviderDefinition } from "@finial/sdk/server";
import { captureLog, loadPlugin, testCa } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { attest, makeAgent } from "./testing/test-agent.ts";

const ca = await testCa();
const mode = 'mode = "spiffe"\n';

/** A server whose trust domain has these authorities. */
function identityProvider(authoritiesDer: readonly Buffer[] = [ca.rootDer]): Extension {
  return extend(IdentityProviderDefinition, {
    fetchX509Identity: () => ({ bundle: { x509Authorities: authoritiesDer.map((asn1) => ({ asn1 })) } }),
  });
}

const load = (config = mode, hostServices = [identityProvider()]) =>
  loadPlugin(plugin, { config, hostServices });
const agentWith = (...uris: readonly string[]) => makeAgent(ca, { uris });

describe('NodeAttestor "x509pop" of the server, in spiffe mode', () => {
  it("exchanges an SVID below the prefix for an agent's", async () => {
    const cases = [
      ["", "/spire-exchange/testhost", "testhost"],
      ["", "/spire-exchange/rack/7", "rack/7"],
      ['spiffe_prefix = "/nodes"', "/nodes/a", "a"],
      ['spiffe_prefix = "/nodes/"', "/nodes/a", "a"],
      ['spiffe_prefix = ""', "/any/thing", "any/thing"],
      ['svid_prefix = "/nodes"', "/nodes/a", "a"],
      ['svid_prefix = "/nodes"\nspiffe_prefix = "/nodes"', "/nodes/a", "a"],
    ] as const;
    for (const [more, path, name] of cases) {
      await using loaded = await load(`${mode}${more}`);
      const { spiffeId } = await attest(loaded, await agentWith(`spiffe://example.org${path}`));
      assert.equal(spiffeId, `spiffe://example.org/spire/agent/x509pop/${name}`);
    }
  });

  it("reads the selectors beside the SVID's ID, and gives the template its path", async () => {
    await using loaded = await load(`${mode}agent_path_template = "/{{ .SVIDPathTrimmed }}/x"`);
    const agent = await agentWith("x509pop://example.org/a/b", "spiffe://example.org/spire-exchange/h");
    const { spiffeId, selectorValues } = await attest(loaded, agent);
    assert.equal(spiffeId, "spiffe://example.org/spire/agent/h/x");
    assert.ok(selectorValues.includes("san:a:b"));
  });

  it("lets nobody in without an ID of its own trust domain below the prefix", async () => {
    await using loaded = await load();
    const none = "valid SVID x509 cert not found";
    for (const [uris, message] of [
      [[], none],
      [["https://example.org/spire-exchange/h"], none],
      [["spiffe://example.org/spire-exchange/h", "spiffe://example.org/spire-exchange/i"], none],
      [["spiffe://example.org/spire-exchange/../h"], `${none}: path cannot contain dot segments`],
      [
        ["spiffe://other.org/spire-exchange/h"],
        `${none}: SPIFFE ID "spiffe://other.org/spire-exchange/h" is not a member of trust domain "example.org"`,
      ],
      [["spiffe://example.org/spire-exchanged/h"], "x509 cert doesnt match SVID prefix"],
      [["spiffe://example.org/spire-exchange"], "x509 cert doesnt match SVID prefix"],
      [["spiffe://example.org"], "x509 cert doesnt match SVID prefix"],
    ] as const)
      await assert.rejects(attest(loaded, await agentWith(...uris)), {
        code: Code.PermissionDenied,
        message,
      });
  });

  it("trusts the server's authorities of this moment and no others", async () => {
    const authorities: Buffer[] = [];
    const logger = captureLog();
    await using loaded = await loadPlugin(plugin, {
      config: mode,
      hostServices: [
        extend(IdentityProviderDefinition, {
          fetchX509Identity: () => ({ bundle: { x509Authorities: authorities.map((asn1) => ({ asn1 })) } }),
        }),
      ],
      logger,
    });
    const agent = await agentWith("spiffe://example.org/spire-exchange/h");
    const refused = {
      code: Code.PermissionDenied,
      message: "certificate verification failed: x509: certificate signed by unknown authority",
    };
    await assert.rejects(attest(loaded, agent), refused);
    assert.deepEqual(
      logger.lines.map(({ level, message }) => [level, message]),
      [["warn", "No trust bundle retrieved from SPIRE"]],
    );
    authorities.push((await testCa()).rootDer);
    await assert.rejects(attest(loaded, agent), { code: Code.PermissionDenied });
    authorities.push(ca.rootDer);
    assert.ok((await attest(loaded, agent)).canReattest);
  });

  it("says when the server cannot say its authorities", async () => {
    const agent = await agentWith("spiffe://example.org/spire-exchange/h");
    const failing = extend(IdentityProviderDefinition, {
      fetchX509Identity: () => {
        throw new StatusError(Code.Unavailable, "AWAY", "not ready");
      },
    });
    for (const [service, why] of [
      [failing, "not ready"],
      [identityProvider([Buffer.of(0)]), "malformed certificate: "],
    ] as const) {
      await using loaded = await load(mode, [service]);
      await assert.rejects(attest(loaded, agent), ({ code, message }) => {
        assert.equal(code, Code.Internal);
        assert.ok(message.startsWith(`failed to get trust bundle: ${why}`), message);
        return true;
      });
    }
  });

  it("needs a server that says its authorities", async () => {
    await using loaded = await loadPlugin(plugin);
    await assert.rejects(loaded.configure(mode), {
      code: Code.FailedPrecondition,
      message: "IdentityProvider host service is required",
    });
  });
});
