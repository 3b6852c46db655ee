import { type Clock, Code, StatusError } from "@finial/sdk";
import type { CallContext, Interceptor } from "@finial/sdk/internal";
import type { SpiffeId } from "@finial/sdk/spiffe";
import { permissionDenied } from "../../kernel/convert/permission-denied.ts";
import type { DataStore } from "../facade/datastore.ts";
import type { AttestedNodes } from "../node/attested-nodes.ts";
import { type Authorized, type Caller, setAuthorized } from "./caller.ts";
import { audienceOf, type CallerKind, denied } from "./policy.ts";

export interface AuthorizeOptions {
  /** Who is at the other end of the call's connection. */
  readonly callerOf: (context: CallContext) => Caller;
  readonly adminIds: readonly SpiffeId[];
  readonly store: Pick<DataStore, "listEntries">;
  readonly nodes: Pick<AttestedNodes, "find" | "update">;
  readonly clock: Clock;
}

/**
 * Lets a call through to those its method is open to, tried in SPIRE's order: anybody, the admin socket, administrators of the
 * configuration, then what the caller's registration entries say, then attested agents.
 *
 * @throws {StatusError} PermissionDenied; with details when an agent was refused that could have been let in.
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
    const { items } = await options.store.listEntries({ bySpiffeId: id });
    if (openTo("admin") && items.some((entry) => entry.admin)) return "admin";
    if (openTo("downstream") && items.some((entry) => entry.downstream)) return "downstream";
  }
  if (!openTo("agent")) throw denied(method);
  await asAgent(id, { serialNumber: leaf.serialNumber.toString(), notAfter: leaf.notAfter }, method, options);
  return "agent";
}

/** An agent is one whose SVID is the one it was given last, or the one it has just been given. */
async function asAgent(
  id: SpiffeId,
  svid: { readonly serialNumber: string; readonly notAfter: Date },
  method: string,
  { nodes, clock }: AuthorizeOptions,
): Promise<void> {
  const refuse = (...[reason, why]: Parameters<typeof permissionDenied>): StatusError => {
    const cause = permissionDenied(reason, why);
    return new StatusError(cause.code, cause.reason, denied(method).message, {
      details: cause.details,
      cause,
    });
  };
  if (clock.now() > svid.notAfter) throw refuse("AGENT_EXPIRED", `agent "${id}" SVID is expired`);
  const node = await findNode(id, nodes);
  if (node === undefined) throw refuse("AGENT_NOT_ATTESTED", `agent "${id}" is not attested`);
  if (node.serialNumber === "") throw refuse("AGENT_BANNED", `agent "${id}" is banned`);
  if (node.serialNumber === svid.serialNumber) return;
  if (node.newSerialNumber !== svid.serialNumber)
    throw refuse(
      "AGENT_NOT_ACTIVE",
      `agent "${id}" expected to have serial number "${node.serialNumber}"; has "${svid.serialNumber}"`,
    );
  try {
    await nodes.update(id, {
      serialNumber: node.newSerialNumber,
      expiresAt: node.newExpiresAt ?? svid.notAfter,
      newSerialNumber: "",
      newExpiresAt: undefined,
    });
  } catch (error) {
    throw internal("unable to activate the new agent SVID", error);
  }
}

async function findNode(id: SpiffeId, nodes: AuthorizeOptions["nodes"]) {
  try {
    return await nodes.find(id);
  } catch (error) {
    throw internal("unable to look up agent information", error);
  }
}

function internal(what: string, cause: unknown): StatusError {
  const { message } = StatusError.from(cause);
  return new StatusError(Code.Internal, "AGENT_UNKNOWN", `${what}: ${message}`, { cause });
}
