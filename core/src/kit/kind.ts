import { Code, type PluginType, StatusError } from "@finial/sdk";
import * as agent from "@finial/sdk/agent";
import { nearest } from "@finial/sdk/hcl";
import * as server from "@finial/sdk/server";

/** The plugin types there are. */
export const kinds: readonly PluginType[] = [
  server.DataStore,
  server.KeyManager,
  server.NodeAttestor,
  server.NodeResolver,
  server.UpstreamAuthority,
  server.CredentialComposer,
  server.Notifier,
  server.BundlePublisher,
  agent.KeyManager,
  agent.NodeAttestor,
  agent.WorkloadAttestor,
  agent.SvidStore,
];

/** Each once: they are the cookies, which do not tell the sides apart. */
export const typeNames: readonly string[] = [...new Set(kinds.map(({ name }) => name))];

/**
 * The type that an author or a manifest names; undefined when none is named, or one that is on both sides.
 *
 * @throws {StatusError} InvalidArgument `TARGET` when there is no such type.
 */
export function findKind(side: string | undefined, type: string | undefined): PluginType | undefined {
  if (type === undefined) return undefined;
  const found = kinds.filter((kind) => kind.name === type && (side === undefined || kind.side === side));
  if (found.length === 0) throw unknownType(side, type);
  return found.length === 1 ? found[0] : undefined;
}

function unknownType(side: string | undefined, type: string): StatusError {
  const there = kinds.filter((kind) => side === undefined || kind.side === side).map(({ name }) => name);
  const meant = there.find((name) => name.toLowerCase() === type.toLowerCase()) ?? nearest(type, there);
  const hint = meant === undefined ? `there are ${[...new Set(there)].join(", ")}` : `did you mean ${meant}?`;
  return new StatusError(
    Code.InvalidArgument,
    "TARGET",
    `there is no plugin type "${type}"${side === undefined ? "" : ` of the ${side}`}; ${hint}`,
  );
}

/** The types whose service a plugin offers. */
export function kindsOffered(services: ReadonlySet<string>): readonly PluginType[] {
  return kinds.filter(({ definition }) => services.has(definition.fullName));
}
