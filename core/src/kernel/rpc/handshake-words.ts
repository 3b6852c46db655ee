/** What went wrong in a handshake: OpenSSL's own message is of addresses and source lines, around a reason. */
export function handshakeWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "library" in error && "reason" in error ? `tls: ${error.reason}` : error.message;
}
