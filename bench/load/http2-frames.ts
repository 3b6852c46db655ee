/** @see RFC 9113, section 6 */
export const FrameType = {
  Data: 0x0,
  Headers: 0x1,
  RstStream: 0x3,
  Settings: 0x4,
  Ping: 0x6,
  GoAway: 0x7,
  WindowUpdate: 0x8,
} as const;

/** The same bit is `EndStream` in data and headers, `Ack` in settings and pings. */
export const Flag = { EndStream: 0x1, Ack: 0x1, EndHeaders: 0x4 } as const;

const headerLength = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0: the connection. */
  readonly stream: number;
  readonly payload: Buffer;
}

/** The bytes of a frame. @see RFC 9113, section 4.1 */
export function frame(
  type: number,
  { flags = 0, stream = 0, payload }: Partial<Omit<Frame, "type">> = {},
): Buffer {
  const length = payload?.length ?? 0;
  const bytes = Buffer.allocUnsafe(headerLength + length);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  if (payload !== undefined) bytes.set(payload, headerLength);
  return bytes;
}

/** Cuts what arrives into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns those that are whole by now; payloads are views. */
  *read(bytes: Buffer): Generator<Frame> {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (all.length - at >= headerLength) {
      const length = all.readUIntBE(at, 3);
      const end = at + headerLength + length;
      if (end > all.length) break;
      yield {
        type: all.readUInt8(at + 3),
        flags: all.readUInt8(at + 4),
        stream: all.readUInt32BE(at + 5) & 0x7fff_ffff,
        payload: all.subarray(at + headerLength, end),
      };
      at = end;
    }
    this.#rest = all.subarray(at);
  }
}

/** A header block that needs no table: each field literal, never indexed. @see RFC 7541, section 6.2.2 */
export function literalHeaders(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  );
}

/** @see RFC 7541, section 5.2 */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "ascii");
  if (bytes.length >= 0x7f) throw new RangeError(`too long for a header of a measurement: ${text}`);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
