type Environment = Readonly<Record<string, string | undefined>>;

/** Read by go-plugin or our sdk in the plugin: left over in our own environment they would change what it does. */
const pluginVariables = new Set([
  "FINIAL_PLUGIN_LIFELINE",
  "PLUGIN_CLIENT_CERT",
  "PLUGIN_MULTIPLEX_GRPC",
  "PLUGIN_UNIX_SOCKET_DIR",
  "PLUGIN_UNIX_SOCKET_GROUP",
]);

/** What a plugin of ours gets from the environment of the daemon: where things are, never a password. */
const promised = new Set([
  "HOME",
  "LANG",
  "LOGNAME",
  "NODE_EXTRA_CA_CERTS",
  "PATH",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "TMPDIR",
  "TZ",
  "USER",
]);

/**
 * The environment of a plugin's process.
 *
 * @param builtIn ours get a short list; a plugin named by `plugin_cmd` gets the daemon's own environment, as it does in SPIRE,
 *   because cloud plugins find their credentials there.
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
  }: { readonly builtIn: boolean; readonly type: string; readonly socketFolder: string },
): Readonly<Record<string, string>> {
  const inherited = Object.entries(daemon).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (builtIn ? promised.has(entry[0]) : !pluginVariables.has(entry[0])),
  );
  return {
    ...Object.fromEntries(inherited),
    [type]: type,
    PLUGIN_MIN_PORT: "10000",
    PLUGIN_MAX_PORT: "25000",
    PLUGIN_PROTOCOL_VERSIONS: "1",
    PLUGIN_UNIX_SOCKET_DIR: socketFolder,
    // glibc would give each of Node's threads an arena of its own: memory that nobody uses.
    ...(builtIn && { FINIAL_PLUGIN_LIFELINE: "stdin", MALLOC_ARENA_MAX: "1" }),
  };
}
