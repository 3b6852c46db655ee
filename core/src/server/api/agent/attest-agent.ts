import type {
  AttestAgentRequest,
  AttestAgentRequest_Params,
  AttestAgentResponse,
} from "@finial/proto/api/server/agent/v1/agent";
import { Code, type PartialMessage, StatusError } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import {
  compareSelectors,
  formatSelector,
  type Selector,
  type SpiffeId,
  type TrustDomain,
} from "@finial/sdk/spiffe";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import type { IssuedX509 } from "../../ca/x509-svid-issuer.ts";
import type { AttestedAgent } from "../../facade/nodeattestor.ts";
import { isBanned } from "../../node/attested-nodes.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { Conversation } from "./conversation.ts";
import { attestJoinToken, joinTokenType } from "./join-token.ts";
import type { AgentCall, AgentService } from "./service.ts";
import { signSvid } from "./sign-svid.ts";

type Response = PartialMessage<AttestAgentResponse>;

/**
 * Attests an agent and issues its first SVID: parameters, then as many challenges as its attestor asks, then the result.
 *
 * Throws ResourceExhausted when an address tries too often, InvalidArgument for malformed parameters or a token that is no good,
 * FailedPrecondition for an attestation type nobody is configured for, PermissionDenied for a banned agent, and what the
 * attestor throws.
 */
export function attestAgent(service: AgentService): AgentCall<"attestAgent"> {
  return async function* (requests, context) {
    try {
      await service.rateLimit(context, 1);
    } catch (error) {
      const what = "rejecting request due to attest agent rate limiting";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    const incoming = requests[Symbol.asyncIterator]();
    const params = checkParams(await firstParams(incoming));
    audit(context, () => ({ node_attestor_type: params.type }));
    const conversation = new Conversation<Response>();
    const result = attest(params, service, context, async (challenge) => {
      conversation.say({ step: { $case: "challenge", value: challenge } });
      return await challengeResponse(incoming);
    }).then(
      (response) => conversation.finish(response),
      (error: unknown) => conversation.fail(error),
    );
    yield* conversation;
    await result;
  };
}

interface Params {
  readonly type: string;
  readonly payload: Buffer;
  readonly csr: Buffer;
}

async function firstParams(
  incoming: AsyncIterator<AttestAgentRequest>,
): Promise<AttestAgentRequest_Params | undefined> {
  try {
    const first = await incoming.next();
    if (first.done) throw new StatusError(Code.InvalidArgument, "REQUEST_MISSING", "EOF");
    return first.value.step?.$case === "params" ? first.value.step.value : undefined;
  } catch (error) {
    throw failure(Code.InvalidArgument, "REQUEST_MISSING", "failed to receive request from stream", error);
  }
}

function checkParams(wire: AttestAgentRequest_Params | undefined): Params {
  const malformed = (why: string): StatusError =>
    failure(Code.InvalidArgument, "PARAMS_MALFORMED", "malformed param", new Error(why));
  if (wire === undefined) throw malformed("missing params");
  if (wire.data === undefined) throw malformed("missing attestation data");
  if (wire.params === undefined) throw malformed("missing X509-SVID parameters");
  if (wire.params.csr.length === 0) throw malformed("missing CSR");
  if (wire.data.type === "") throw malformed("missing attestation data type");
  if (wire.data.payload.length === 0) throw malformed("missing attestation data payload");
  return { type: wire.data.type, payload: wire.data.payload, csr: wire.params.csr };
}

async function challengeResponse(incoming: AsyncIterator<AttestAgentRequest>): Promise<Buffer> {
  try {
    const next = await incoming.next();
    if (next.done) throw new StatusError(Code.Internal, "CHALLENGE_RESPONSE_MISSING", "EOF");
    return next.value.step?.$case === "challengeResponse" ? next.value.step.value : Buffer.alloc(0);
  } catch (error) {
    throw failure(
      Code.Internal,
      "CHALLENGE_RESPONSE_MISSING",
      "failed to receive challenge from agent",
      error,
    );
  }
}

async function attest(
  params: Params,
  service: AgentService,
  context: CallContext,
  challenge: (challenge: Buffer) => Promise<Buffer>,
): Promise<Response> {
  const { nodes, logger, trustDomain } = service;
  const attested = await askAttestor(params, service, context, challenge);
  const id = attested.spiffeId;
  const fields = { node_attestor_type: params.type, agent_id: id.toString() };
  audit(context, () => fields);
  checkAgentId(id, trustDomain);
  if (!id.path.startsWith(`/spire/agent/${params.type}/`))
    logger.warn(
      "The node attestor produced an agent ID outside of its own part of the agent namespace",
      fields,
    );
  // In turn: between what is read here and what is written nobody is banned.
  const { certificate, chainDer } = await nodes.inTurn(id, () => admit(attested, params, service));
  logger.info("Agent attestation request completed", { ...fields, address: service.callerAddress(context) });
  const svid = {
    id: toWireSpiffeId(id),
    certChain: [...chainDer],
    expiresAt: toWireSeconds(certificate.notAfter),
  };
  return { step: { $case: "result", value: { svid, reattestable: attested.canReattest } } };
}

/** Where an attestor puts its agents is its own affair, within the trust domain and not in the server's place. */
function checkAgentId(id: SpiffeId, trustDomain: TrustDomain): void {
  if (!id.memberOf(trustDomain))
    throw failure(
      Code.Internal,
      "AGENT_ID_INVALID",
      "invalid agent ID",
      new Error(`"${id}" is not a member of trust domain "${trustDomain}"`),
    );
  if (id.path === "/spire/server")
    throw failure(Code.Internal, "AGENT_ID_INVALID", "agent ID cannot collide with the server ID");
}

/** Signs the agent's SVID and writes down that it is the one to be let in by. */
async function admit(
  attested: AttestedAgent,
  { type, csr }: Params,
  service: AgentService,
): Promise<IssuedX509> {
  const { store, nodes } = service;
  const { spiffeId, canReattest } = attested;
  const known = await attempt("failed to fetch agent", () => store.findNode(spiffeId));
  if (known !== undefined && isBanned(known))
    throw failure(Code.PermissionDenied, "AGENT_BANNED", "failed to attest: agent is banned");
  const issued = await signSvid(spiffeId, csr, service);
  const selectors = selectorsOf(attested, service);
  await attempt("failed to update selectors", () => store.setNodeSelectors(spiffeId, selectors));
  const current = {
    serialNumber: issued.certificate.serialNumber.toString(),
    expiresAt: issued.certificate.notAfter,
    newSerialNumber: "",
    newExpiresAt: undefined,
    canReattest,
  };
  if (known === undefined) {
    const node = { ...current, spiffeId, attestationType: type, agentVersion: "", selectors: [] };
    await attempt("failed to create attested agent", () => nodes.create(node));
  } else await attempt("failed to update attested agent", () => nodes.update(spiffeId, current));
  return issued;
}

async function askAttestor(
  { type, payload }: Params,
  service: AgentService,
  context: CallContext,
  challenge: (challenge: Buffer) => Promise<Buffer>,
): Promise<AttestedAgent> {
  if (type === joinTokenType) return await attestJoinToken(payload.toString(), service);
  const attestor = service.findNodeAttestor(type);
  if (attestor === undefined)
    throw failure(
      Code.FailedPrecondition,
      "ATTESTOR_UNKNOWN",
      "error getting node attestor",
      new Error(`could not find node attestor type "${type}"`),
    );
  return await attestor.attest(payload, challenge, {
    signal: context.signal,
    forwardedHost: hostOf(context),
    clientIp: service.callerAddress(context),
  });
}

/** What the agent called us, which it may choose freely. */
function hostOf(context: CallContext): string {
  const [authority = ""] = context.metadata.get(":authority");
  return authority.replace(/:\d+$/, "");
}

function selectorsOf(
  { selectors, spiffeId }: AttestedAgent,
  { agentSpiffeIdAsSelector }: AgentService,
): readonly Selector[] {
  const own = agentSpiffeIdAsSelector ? [{ type: "spiffe_id", value: spiffeId.toString() }] : [];
  const unique = new Map([...selectors, ...own].map((selector) => [formatSelector(selector), selector]));
  return [...unique.values()].sort(compareSelectors);
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(Code.Internal, "AGENT_WRITE", what, error);
  }
}
