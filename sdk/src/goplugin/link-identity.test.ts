import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { type ChannelCredentials, credentials, Server } from "@grpc/grpc-js";
import { createClient, openChannel } from "../rpc/client.ts";
import { addService } from "../rpc/service.ts";
import { Code } from "../status/code.ts";
import { LinkIdentity } from "./link-identity.ts";

const folder = mkdtempSync(join(tmpdir(), "link-"));
after(() => rmSync(folder, { recursive: true }));
const now = new Date();

/** A server that knows one peer, and how a client fares with it. */
async function serve(own: LinkIdentity, peer: LinkIdentity) {
  const server = new Server();
  addService(server, HealthDefinition, { check: () => ({ status: 1 }) });
  const path = join(folder, "s");
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${path}`, own.serverCredentials(peer.certificateDer), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return {
    call: async (known: ChannelCredentials): Promise<number> => {
      using channel = openChannel(`unix:${path}`, known);
      return (await createClient(HealthDefinition, channel).check({}, { deadlineMs: 3000 })).status;
    },
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

describe("LinkIdentity", () => {
  it("lets in the peer it was told of, and nobody else", async () => {
    const [plugin, host, stranger] = await Promise.all([1, 2, 3].map(() => LinkIdentity.make(now)));
    assert.ok(plugin && host && stranger);
    using link = await serve(plugin, host);
    assert.equal(await link.call(host.clientCredentials(plugin.certificateDer)), 1);
    for (const [who, known] of [
      ["in plain", credentials.createInsecure()],
      ["with a certificate of its own", stranger.clientCredentials(plugin.certificateDer)],
      ["with the plugin's", plugin.clientCredentials(plugin.certificateDer)],
    ] as const)
      await assert.rejects(link.call(known), { code: Code.Unavailable }, who);
  });

  it("does not speak to one that is not the peer it was told of", async () => {
    const [plugin, host, impostor] = await Promise.all([1, 2, 3].map(() => LinkIdentity.make(now)));
    assert.ok(plugin && host && impostor);
    using link = await serve(impostor, host);
    await assert.rejects(link.call(host.clientCredentials(plugin.certificateDer)), {
      code: Code.Unavailable,
    });
  });

  it("has a certificate as go-plugin's are, and another each time", async () => {
    const [one, other] = await Promise.all([1, 2].map(() => LinkIdentity.make(now)));
    assert.ok(one && other);
    const certificate = new X509Certificate(one.certificatePem);
    assert.equal(certificate.subjectAltName, "DNS:localhost");
    assert.equal(certificate.ca, true);
    assert.ok(certificate.verify(certificate.publicKey));
    assert.equal(certificate.validFromDate.getTime(), Math.floor(now.getTime() / 1000 - 30) * 1000);
    assert.notDeepEqual(one.certificateDer, other.certificateDer);
  });
});
