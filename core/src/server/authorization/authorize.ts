import { type Clock, Code, StatusError } from "@finial/sdk";
import type { CallContext, Interceptor } from "@finial/sdk/internal";
import type { RegistrationEntry, SpiffeId } from "@finial/sdk/spiffe";
import { permissionDenied } from "../../kernel/convert/permission-denied.ts";
import type { AttestedNode, DataStore } from "../facade/datastore.ts";
import { type AttestedNodes, isBanned } from "../node/attested-nodes.ts";
import { type Authorized, type Caller, setAuthorized } from "./caller.ts";
import { audienceOf, type CallerKind, denied } from "./policy.ts";

export interface AuthorizeOptions {
  /** Who is at the other end of the call's connection. */
  readonly callerOf: (context: CallContext) => Caller;
  readonly adminIds: readonly SpiffeId[];
  readonly store: Pick<DataStore, "listEntries">;
  readonly nodes: Pick<AttestedNodes, "find" | "findAnew" | "inTurn" | "update">;
  readonly clock: Clock;
}

/**
 * Lets a call through to those its method is open to, tried in SPIRE's order: anybody, the admin socket, administrators of the
 * configuration, then what the caller's registration entries say, then attested agents.
 *
 * @throws {StatusError} PermissionDenied; with details when an agent was refused that could have been let in. Internal when the
 * store cannot be asked.
 */
export function authorize(options: AuthorizeOptions): Interceptor {
  const adminIds = new Set(options.adminIds.map(String));
  return async (context, next) => {
    const caller = options.callerOf(context);
    const as = await kindOf(caller, context.method, adminIds, options);
    setAuthorized(context, { caller, as });
    await next();
  };
}

async function kindOf(
  caller: Caller,
  method: string,
  adminIds: ReadonlySet<string>,
  options: AuthorizeOptions,
): Promise<Authorized["as"]> {
  const audience = audienceOf(method);
  const openTo = (kind: CallerKind): boolean => audience.includes(kind);
  if (openTo("any")) return "any";
  if (caller.kind === "local") {
    if (openTo("local")) return "local";
    throw denied(method);
  }
  if (caller.svid === undefined) throw denied(method);
  const { id, leaf } = caller.svid;
  if (openTo("admin") && adminIds.has(id.toString())) return "admin";
  if (openTo("admin") || openTo("downstream")) {
    const entries = await entriesOf(id, options);
    if (openTo("admin") && entries.some((entry) => entry.admin)) return "admin";
    if (openTo("downstream") && entries.some((entry) => entry.downstream)) return "downstream";
  }
  if (!openTo("agent")) throw denied(method);
  await asAgent(id, { serialNumber: leaf.serialNumber.toString(), notAfter: leaf.notAfter }, method, options);
  return "agent";
}

/** What the entries of the caller's own ID say of it. */
async function entriesOf(
  id: SpiffeId,
  { store }: AuthorizeOptions,
): Promise<readonly Pick<RegistrationEntry, "admin" | "downstream">[]> {
  try {
    return (await store.listEntries({ bySpiffeId: id })).items;
  } catch (error) {
    throw internal("failed to fetch caller entries", error);
  }
}

interface PresentedSvid {
  /** Decimal. */
  readonly serialNumber: string;
  readonly notAfter: Date;
}

/** An agent is one whose SVID is the one it was given last, or the one it has just been given. */
async function asAgent(
  id: SpiffeId,
  svid: PresentedSvid,
  method: string,
  { nodes, clock }: AuthorizeOptions,
): Promise<void> {
  if (clock.now() > svid.notAfter) throw refused(method, "AGENT_EXPIRED", `agent "${id}" SVID is expired`);
  const remembered = await lookUp(() => nodes.find(id));
  if (remembered !== undefined && !isBanned(remembered) && remembered.serialNumber === svid.serialNumber)
    return;
  // What is remembered lets nobody in by itself but whom it knows: another server may have renewed or banned the agent.
  await nodes.inTurn(id, async () => {
    const node = await lookUp(() => nodes.findAnew(id));
    if (node === undefined) throw refused(method, "AGENT_NOT_ATTESTED", `agent "${id}" is not attested`);
    if (isBanned(node)) throw refused(method, "AGENT_BANNED", `agent "${id}" is banned`);
    if (node.serialNumber === svid.serialNumber) return;
    if (node.newSerialNumber !== svid.serialNumber)
      throw refused(
        method,
        "AGENT_NOT_ACTIVE",
        `agent "${id}" expected to have serial number "${node.serialNumber}"; has "${svid.serialNumber}"`,
      );
    await activate(id, node, svid, nodes);
  });
}

async function activate(
  id: SpiffeId,
  { newSerialNumber, newExpiresAt }: AttestedNode,
  { notAfter }: PresentedSvid,
  nodes: AuthorizeOptions["nodes"],
): Promise<void> {
  try {
    await nodes.update(id, {
      serialNumber: newSerialNumber,
      expiresAt: newExpiresAt ?? notAfter,
      newSerialNumber: "",
      newExpiresAt: undefined,
    });
  } catch (error) {
    throw internal("unable to activate the new agent SVID", error);
  }
}

/** Says to the agent why, so that it can act by it. */
function refused(method: string, ...[reason, why]: Parameters<typeof permissionDenied>): StatusError {
  const cause = permissionDenied(reason, why);
  const { message } = denied(method);
  return new StatusError(cause.code, cause.reason, message, { details: cause.details, cause });
}

async function lookUp<T>(find: () => Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    throw internal("unable to look up agent information", error);
  }
}

function internal(what: string, cause: unknown): StatusError {
  const { message } = StatusError.from(cause);
  return new StatusError(Code.Internal, "CALLER_UNKNOWN", `${what}: ${message}`, { cause });
}
