/**
 * Who may import what, as data.
 *
 * A target is a room's name, a package's name, a door such as `@finial/sdk/crypto`, or a module such as `node:net`; a
 * trailing `*` stands for any ending.
 */
export interface Room {
  /** What the paths of its files begin with. The longest match is a file's room. */
  readonly name: string;
  readonly may: readonly string[];
  /** Stands against `may`. */
  readonly never?: readonly string[];
  /** Said of what is not allowed. */
  readonly sentence: string;
}

const doors: readonly string[] = ["", "/server", "/agent", "/spiffe", "/crypto", "/hcl"].map(
  (door) => `@finial/sdk${door}`,
);
/** The RPC layer is behind the door "./internal": who speaks messages needs both. */
const wire: readonly string[] = ["@finial/proto", "@finial/sdk/internal", "@grpc/grpc-js"];
const network: readonly string[] = [
  "net",
  "http",
  "https",
  "http2",
  "tls",
  "dgram",
  "dns",
  "dns/promises",
].map((module) => `node:${module}`);
const external: readonly string[] = ["node:*", "external:*"];

const ofSdk =
  "sdk/src/plugin, goplugin, workloadapi and testing may import all of the sdk, and proto; never core or plugins.";
const ofKernel =
  "core/src/kernel may import the sdk; proto and the sdk's internal door in its catalog, convert, pluginapi, pluginhost, rpc, health and hostservice; never server, agent or cli.";
const ofSide =
  "core/src/server and core/src/agent may import kernel and the sdk, never each other or cli; proto and the sdk's internal door only in facade, api, endpoints, hostservice and authorization.";
const ofPlugin =
  "A plugin may import the doors of @finial/sdk and its own plugins/common; never core, proto, another plugin or @finial/sdk/internal.";

function sdkRoom(name: string): Room {
  return {
    name,
    may: ["sdk/src*", "@finial/proto", "@grpc/grpc-js", "@bufbuild/protobuf", "node:*"],
    sentence: ofSdk,
  };
}

function kernelRoom(name: string): Room {
  return { name, may: ["core/src/kernel*", ...doors, ...wire, ...external], sentence: ofKernel };
}

function sideRooms(side: "server" | "agent"): readonly Room[] {
  const name = `core/src/${side}`;
  const own = [`${name}*`, "core/src/kernel*", ...doors, ...external];
  const speaking = ["facade", "api", "endpoints", "hostservice", "authorization"].map((room) => ({
    name: `${name}/${room}`,
    may: [...own, ...wire],
    sentence: ofSide,
  }));
  return [{ name, may: own, sentence: ofSide }, ...speaking];
}

/** The table. */
export const rooms: readonly Room[] = [
  {
    name: "proto",
    may: ["proto*", "@bufbuild/protobuf"],
    sentence: "proto may import the protobuf runtime and nothing else.",
  },
  { name: "sdk/src/status", may: ["sdk/src/status"], sentence: "sdk/src/status may import nothing." },
  {
    name: "sdk/src/crypto",
    may: ["sdk/src/crypto", "sdk/src/status", "node:*"],
    never: network,
    sentence: "sdk/src/crypto may import status; never proto or Node's network modules.",
  },
  {
    name: "sdk/src/spiffe",
    may: ["sdk/src/spiffe", "sdk/src/crypto", "sdk/src/status", "node:*"],
    never: network,
    sentence: "sdk/src/spiffe may import crypto and status; never proto or Node's network modules.",
  },
  {
    name: "sdk/src/hcl",
    may: ["sdk/src/hcl", "sdk/src/status"],
    sentence: "sdk/src/hcl may import status and nothing else.",
  },
  {
    name: "sdk/src/rpc",
    may: ["sdk/src/rpc", "sdk/src/status", "@finial/proto", "@grpc/grpc-js", "@bufbuild/protobuf", "node:*"],
    sentence: "sdk/src/rpc may import status and proto.",
  },
  ...["sdk/src", "sdk/src/plugin", "sdk/src/goplugin", "sdk/src/workloadapi", "sdk/src/testing"].map(sdkRoom),
  { name: "core/src/kernel", may: ["core/src/kernel*", ...doors, ...external], sentence: ofKernel },
  ...["catalog", "convert", "pluginapi", "pluginhost", "rpc", "health", "hostservice"].map((room) =>
    kernelRoom(`core/src/kernel/${room}`),
  ),
  ...sideRooms("server"),
  ...sideRooms("agent"),
  {
    name: "core/src/kit",
    may: ["core/src/kit*", "core/src/kernel*", ...doors, "@finial/sdk/testing", ...wire, ...external],
    sentence:
      "core/src/kit may import kernel, the sdk with its testing door, and proto; never server, agent or cli.",
  },
  {
    name: "core/src/cli",
    may: ["core/src/cli*", "core/src/kernel*", "core/src/kit*", ...doors, ...wire, ...external],
    sentence:
      "core/src/cli may import kernel, kit, the sdk and proto; server.ts and agent.ts from run.ts only.",
  },
  {
    name: "core/templates",
    may: ["core/templates*", ...doors, "@finial/sdk/testing", ...external],
    sentence: "core/templates may import what a plugin of anybody's may: the doors of @finial/sdk.",
  },
  {
    name: "core/bin",
    may: ["core/src/cli*", "node:*"],
    sentence: "core/bin may import core/src/cli and nothing else.",
  },
  {
    name: "plugins/common",
    may: ["plugins/common*", ...doors, ...external],
    sentence:
      "plugins/common may import the doors of @finial/sdk; never core, proto, a plugin or @finial/sdk/internal.",
  },
  { name: "plugins", may: ["@finial/plugin-common-*", ...doors, ...external], sentence: ofPlugin },
  {
    name: "apps",
    may: ["apps*", ...doors, "@finial/proto", "@grpc/grpc-js", ...external],
    sentence: "An app may import the doors of @finial/sdk, and proto; never core or plugins.",
  },
  ...["test", "bench"].map((name) => ({
    name,
    may: ["test*", "bench*", "@finial/*", ...external],
    sentence: "test and bench come in by the doors of packages; never by another package's src path.",
  })),
];

/** The workspaces that a package.json may name, by the path it stands at. */
export const packageDependencies: readonly { readonly name: string; readonly may: readonly string[] }[] = [
  { name: "proto", may: [] },
  { name: "sdk", may: ["@finial/proto"] },
  { name: "core", may: ["@finial/proto", "@finial/sdk"] },
  { name: "plugins/common", may: ["@finial/sdk"] },
  { name: "plugins", may: ["@finial/sdk", "@finial/plugin-common-*"] },
  { name: "apps", may: ["@finial/proto", "@finial/sdk"] },
  ...["test", "bench"].map((name) => ({ name, may: ["@finial/*"] })),
];
