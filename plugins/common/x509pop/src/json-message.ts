/** A message of x509pop: JSON, with octets in padded base64, as Go's encoding/json writes them. */
export type JsonMessage = Readonly<Record<string, unknown>>;

export function encodeMessage(message: unknown): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** @throws {SyntaxError} with a sentence that repeats nothing of the message. */
export function parseMessage(bytes: Buffer): JsonMessage {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new SyntaxError("it is not JSON");
  }
  return objectOf(value, "it");
}

/** @throws {SyntaxError} */
export function objectOf(value: unknown, what: string): JsonMessage {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new SyntaxError(`${what} is not a JSON object`);
  return value as JsonMessage;
}

/** @throws {SyntaxError} */
export function octetsOf(value: unknown, what: string): Buffer {
  if (typeof value !== "string" || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    throw new SyntaxError(`${what} is not base64`);
  return Buffer.from(value, "base64");
}
