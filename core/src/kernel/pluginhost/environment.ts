import { Code, StatusError } from "@finial/sdk";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Read by go-plugin or our sdk in the plugin: the host alone says what they are. */
const pluginVariables = new Set([
  "FINIAL_PLUGIN_LIFELINE",
  "PLUGIN_CLIENT_CERT",
  "PLUGIN_MAX_PORT",
  "PLUGIN_MIN_PORT",
  "PLUGIN_MULTIPLEX_GRPC",
  "PLUGIN_PROTOCOL_VERSIONS",
  "PLUGIN_UNIX_SOCKET_DIR",
  "PLUGIN_UNIX_SOCKET_GROUP",
]);

/** What every plugin gets from the environment of the daemon: where things are, never a password. */
const base: readonly string[] = [
  "HOME",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "LANG",
  "LOGNAME",
  "NODE_EXTRA_CA_CERTS",
  "PATH",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "TMPDIR",
  "TZ",
  "USER",
];

/** The way to the network, which may have a password in it: then they are given to who is named. */
const proxies: readonly string[] = ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** What an operator gives a plugin beside what every plugin gets: `plugin_env` and `plugin_env_compat`. */
export interface GivenEnvironment {
  /** Variables of the daemon's; those it does not have are left out. */
  readonly names: readonly string[];
  /** Variables with their values: the operator's word goes before the daemon's. */
  readonly values: Readonly<Record<string, string>>;
  /** Everything the daemon has, as in SPIRE. */
  readonly isCompatible: boolean;
}

export const nothingGiven: GivenEnvironment = { names: [], values: {}, isCompatible: false };

/** What a program is given that needs nothing in particular. */
export function baseEnvironment(daemon: Environment): Readonly<Record<string, string>> {
  const harmless = proxies.filter((name) => daemon[name]?.includes("@") === false);
  return pick(daemon, [...base, ...harmless]);
}

/**
 * The environment of a plugin's process: what the handshake needs, a short list of the daemon's variables, and those that the
 * operator names.
 *
 * @param builtIn ours are told that their standard input is their lifeline.
 * @param type the plugin type, which is also the magic cookie.
 * @param socketFolder where it makes its socket: ours do, and those of go-plugin 1.5 and later. An older one takes the
 *   temporary folder.
 */
export function pluginEnvironment(
  daemon: Environment,
  {
    builtIn,
    type,
    socketFolder,
    given = nothingGiven,
  }: {
    readonly builtIn: boolean;
    readonly type: string;
    readonly socketFolder: string;
    readonly given?: GivenEnvironment | undefined;
  },
): Readonly<Record<string, string>> {
  const all = Object.keys(daemon).filter((name) => !pluginVariables.has(name));
  return {
    ...(given.isCompatible ? pick(daemon, all) : baseEnvironment(daemon)),
    ...pick(daemon, given.names),
    ...given.values,
    [type]: type,
    PLUGIN_MIN_PORT: "10000",
    PLUGIN_MAX_PORT: "25000",
    PLUGIN_PROTOCOL_VERSIONS: "1",
    PLUGIN_UNIX_SOCKET_DIR: socketFolder,
    // glibc would give each of Node's threads an arena of its own: memory that nobody uses.
    ...(builtIn && { FINIAL_PLUGIN_LIFELINE: "stdin", MALLOC_ARENA_MAX: "1" }),
  };
}

/**
 * Refuses what is no name of a variable, and names that are not the operator's to give.
 *
 * @throws {StatusError} InvalidArgument `PLUGIN_ENV`.
 */
export function requireGivable(name: string, type: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw new StatusError(
      Code.InvalidArgument,
      "PLUGIN_ENV",
      `plugin_env: ${JSON.stringify(name)} is no name of an environment variable`,
    );
  if (pluginVariables.has(name) || name === type)
    throw new StatusError(
      Code.InvalidArgument,
      "PLUGIN_ENV",
      `plugin_env: ${name} is a part of the handshake with the plugin, and is set by the host`,
    );
}

function pick(daemon: Environment, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = daemon[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
