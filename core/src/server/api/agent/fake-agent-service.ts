import type { KeyObject } from "node:crypto";
import { createCertificateRequest } from "@finial/sdk/crypto";
import type { SpiffeId } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, signerOf, type TestCa, testCa } from "@finial/sdk/testing";
import { fakeAuthorities, fakeSurroundings } from "../../ca/fake-authorities.ts";
import { X509SvidIssuer } from "../../ca/x509-svid-issuer.ts";
import { FakeDataStore } from "../../facade/fake-datastore.ts";
import type { NodeAttestor } from "../../facade/nodeattestor.ts";
import { AttestedNodes } from "../../node/attested-nodes.ts";
import { makeAgentHandlers } from "./handlers.ts";
import type { AgentService } from "./service.ts";

export interface FakeAgentServiceOptions {
  readonly attestors?: readonly NodeAttestor[];
  readonly callerId?: SpiffeId;
  readonly rateLimit?: AgentService["rateLimit"];
  readonly agentSpiffeIdAsSelector?: boolean;
}

let ca: Promise<TestCa> | undefined;

/** The Agent API of a server of `example.org` with a store in memory and a test CA, for tests. */
export async function fakeAgentService(options: FakeAgentServiceOptions = {}) {
  const clock = new FakeClock();
  ca ??= testCa({ clock });
  const { attestors = [], callerId, agentSpiffeIdAsSelector = false } = options;
  const issuer = new X509SvidIssuer(
    await fakeAuthorities(await ca, clock),
    fakeSurroundings(await ca, clock),
  );
  const store = new FakeDataStore();
  const logger = captureLog();
  const nodes = new AttestedNodes(store, { clock, logger });
  const handlers = makeAgentHandlers({
    trustDomain: (await ca).trustDomain,
    store,
    nodes,
    x509: issuer,
    findNodeAttestor: (type) => attestors.find(({ name }) => name === type),
    agentSpiffeIdAsSelector,
    callerId: () => callerId,
    callerAddress: () => "10.0.0.1",
    rateLimit: options.rateLimit ?? (async () => undefined),
    clock,
    logger,
  });
  return { handlers, store, nodes, logger, clock, ca: await ca };
}

/** A request for the key, signed by it. */
export async function requestOf(privateKey: KeyObject, uris: readonly string[] = []): Promise<Buffer> {
  const { publicKey, sign } = signerOf(privateKey);
  return await createCertificateRequest({ publicKey, uris, sign });
}

/** A request signed by another key than the one it is for. */
export async function stolenRequest(privateKey: KeyObject, thief: KeyObject): Promise<Buffer> {
  const { publicKey } = signerOf(privateKey);
  return await createCertificateRequest({ publicKey, sign: signerOf(thief).sign });
}
