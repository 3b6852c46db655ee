import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";

/** One PEM block. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

/**
 * All blocks of a PEM text, in order; text between blocks is passed over.
 *
 * @throws {StatusError} InvalidArgument `PEM_MALFORMED`.
 * @see RFC 7468
 */
export function parsePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  const begin = /-----BEGIN ([A-Z0-9 #.]+)-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label = match[1] ?? "";
    const endLine = `-----END ${label}-----`;
    const end = text.indexOf(endLine, begin.lastIndex);
    if (end === -1) throw malformedPem(`the PEM block ${label} has no end`);
    const body = text.slice(begin.lastIndex, end).replaceAll(/\s+/g, "");
    if (!isBase64(body)) throw malformedPem(`the PEM block ${label} is not base64`);
    blocks.push({ label, der: Buffer.from(body, "base64") });
    begin.lastIndex = end + endLine.length;
  }
  return blocks;
}

/** Looks for what does not belong: a pattern of the whole would need a stack as deep as the text is long. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.replace(/={1,2}$/, ""));
}

/**
 * The DER of all certificates of a PEM text.
 *
 * @throws {StatusError} InvalidArgument `PEM_MALFORMED` when there is none, or something else is between.
 */
export function parseCertificatesPem(text: string): Buffer[] {
  const blocks = parsePem(text);
  if (blocks.length === 0) throw malformedPem("no PEM blocks");
  const other = blocks.find(({ label }) => label !== "CERTIFICATE");
  if (other !== undefined) throw malformedPem(`expected a CERTIFICATE block, found ${other.label}`);
  return blocks.map(({ der }) => der);
}

/** A block with its line end. */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
  return `-----BEGIN ${label}-----\n${base64.replaceAll(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
}

function malformedPem(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "PEM_MALFORMED", message);
}
