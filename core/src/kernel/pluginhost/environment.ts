type Environment = Readonly<Record<string, string | undefined>>;

/** Read by go-plugin in the plugin: left over in our own environment they would change what it does. */
const goPluginVariables = new Set([
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
 * @param socketFolder where one of ours makes its socket; a stranger's takes the temporary folder, as it does under SPIRE.
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
      entry[1] !== undefined && (builtIn ? promised.has(entry[0]) : !goPluginVariables.has(entry[0])),
  );
  return {
    ...Object.fromEntries(inherited),
    [type]: type,
    PLUGIN_MIN_PORT: "10000",
    PLUGIN_MAX_PORT: "25000",
    PLUGIN_PROTOCOL_VERSIONS: "1",
    ...(builtIn && { FINIAL_PLUGIN_LIFELINE: "stdin", PLUGIN_UNIX_SOCKET_DIR: socketFolder }),
  };
}
