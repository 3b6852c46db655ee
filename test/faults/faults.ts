/** What the kit has to find in a plugin with one fault. */
export interface Fault {
  /** The check that fails. */
  readonly check: string;
  /** The stable word of its finding. */
  readonly reason: string;
  /** A part of its sentence. */
  readonly says: RegExp;
}

/** One fault a plugin: `dist/plugin.mjs NAME` runs it. */
export const faults = {
  "cookie-unchecked": {
    check: "cookie",
    reason: "COOKIE_UNCHECKED",
    says: /without its cookie the plugin runs all the same/,
  },
  "cookie-of-another": {
    check: "handshake",
    reason: "COOKIE_UNKNOWN",
    says: /ended before it said where it listens \(exit status 1\)/,
  },
  "stdout-before": {
    check: "handshake",
    reason: "STDOUT_NOISE",
    says: /first line on standard output is "Loading…", and the handshake comes after it/,
  },
  "stdout-after": {
    check: "stdout",
    reason: "STDOUT_NOISE",
    says: /after its handshake the plugin writes "Ready"/,
  },
  "handshake-twice": { check: "stdout", reason: "HANDSHAKE_TWICE", says: /a second handshake/ },
  "handshake-fields": { check: "handshake", reason: "FIELDS", says: /has 4 fields/ },
  "handshake-version": { check: "handshake", reason: "APP_VERSION", says: /Plugin version: 2/ },
  "handshake-netrpc": {
    check: "handshake",
    reason: "PROTOCOL",
    says: /unsupported plugin protocol "netrpc"/,
  },
  "handshake-open": { check: "handshake", reason: "LINE_END_MISSING", says: /without a line end/ },
  "handshake-on-stderr": { check: "handshake", reason: "LINE_ON_STDERR", says: /on standard error/ },
  "ends-early": {
    check: "handshake",
    reason: "ENDED_EARLY",
    says: /exit status 3\); its last words: no database/,
  },
  "socket-missing": { check: "handshake", reason: "SOCKET_MISSING", says: /is not there/ },
  "socket-dead": {
    check: "handshake",
    reason: "SOCKET_REFUSES",
    says: /nobody answers at .* \(ECONNREFUSED\)/,
  },
  "socket-for-all": { check: "socket", reason: "SOCKET_OPEN", says: /every user of the machine may connect/ },
  "on-tcp": { check: "handshake", reason: "TCP", says: /listens on TCP, at 127\.0\.0\.1:\d+/ },
  "no-health": { check: "grpc", reason: "NO_HEALTH", says: /fails with Unimplemented/ },
  "no-broker": { check: "broker", reason: "NO_BROKER", says: /ends with Unimplemented/ },
  "no-stdio": { check: "stdio", reason: "NO_STDIO", says: /ends with Unimplemented/ },
  "no-controller": {
    check: "shutdown",
    reason: "NO_CONTROLLER",
    says: /does not offer plugin\.GRPCController/,
  },
  "no-validate": { check: "validate", reason: "NO_VALIDATE", says: /does not offer Validate/ },
  "init-hangs": { check: "init", reason: "INIT_HANG", says: /Init is not answered within \d+ s/ },
  "init-empty": { check: "init", reason: "NO_SERVICES", says: /Init names no services/ },
  "init-misspelt": {
    check: "type",
    reason: "SERVICE_UNKNOWN",
    says: /spire\.plugin\.agent\.workloadattestor\.WorkloadAttestor/,
  },
  "configure-panics": {
    check: "configure",
    reason: "CRASH",
    says: /ended at Configure \(exit status 2\); its last words: panic: nil/,
  },
  "configure-forgets": {
    check: "reconfigure",
    reason: "CONFIGURATION_LOST",
    says: /gives FailedPrecondition/,
  },
  "unknown-keys": {
    check: "WorkloadAttestor/refuses-a-key-it-does-not-know",
    reason: "CONTRACT",
    says: /no_plugin_has_this_key = 1 was found valid/,
  },
  "wrong-field": {
    check: "WorkloadAttestor/says-the-selectors-of-a-workload",
    reason: "WRONG_FIELD",
    says: /the answer to Attest has a field 1 of wire type Varint/,
  },
  "typed-selectors": {
    check: "WorkloadAttestor/says-the-selectors-of-a-workload",
    reason: "CONTRACT",
    says: /carries its type/,
  },
  "bare-errors": {
    check: "empty",
    reason: "UNCHOSEN_STATUS",
    says: /Attest fails with Unknown: no such process/,
  },
  "crash-on-empty": { check: "empty", reason: "CRASH", says: /ended at Attest/ },
  "attest-hangs": { check: "empty", reason: "HANG", says: /Attest is not answered within \d+ s/ },
  "no-deinit": { check: "deinit", reason: "DEINIT", says: /Deinit fails/ },
  "shutdown-hangs": {
    check: "shutdown",
    reason: "SHUTDOWN_HANG",
    says: /2 s after Shutdown the plugin still runs/,
  },
  "exit-status": { check: "shutdown", reason: "EXIT_STATUS", says: /ends with exit status 7/ },
  "socket-left": { check: "nothing-left", reason: "SOCKET_LEFT", says: /left its socket/ },
  "process-left": { check: "nothing-left", reason: "PROCESS_LEFT", says: /\(sleep 300\) still runs?/ },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof faults;
