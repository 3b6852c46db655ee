import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";

/** One DER element: where it lies. What is cut out of it are views, not copies. */
export class DerElement {
  /** The identifier octet: class, constructed bit and number. Only one-octet tags are read. */
  readonly tag: number;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;

  constructor(tag: number, bytes: Buffer, start: number, contentStart: number, end: number) {
    this.tag = tag;
    this.#bytes = bytes;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
  }

  /** All of it. */
  get raw(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** What is inside. */
  get content(): Buffer {
    return this.#bytes.subarray(this.#contentStart, this.#end);
  }

  /** Reads what is inside, without cutting it out first. */
  reader(): DerReader {
    return new DerReader(this.#bytes, this.#contentStart, this.#end);
  }
}

export const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  Oid: 0x06,
  Utf8String: 0x0c,
  PrintableString: 0x13,
  TeletexString: 0x14,
  Ia5String: 0x16,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
  BmpString: 0x1e,
  Sequence: 0x30,
  Set: 0x31,
} as const;

/** The tag of `[number] EXPLICIT` or of a constructed `[number] IMPLICIT`. */
export function contextTag(number: number): number {
  return 0xa0 | number;
}

/** The tag of a primitive `[number] IMPLICIT`. */
export function primitiveContextTag(number: number): number {
  return 0x80 | number;
}

export function malformed(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "DER_MALFORMED", message);
}

/**
 * Reads the elements of a sequence, set or explicit tag one after the other; strict DER, no BER.
 *
 * Every method throws StatusError InvalidArgument `DER_MALFORMED`.
 */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#offset === this.#end;
  }

  /** The next element's tag; -1 at the end. */
  get nextTag(): number {
    return this.atEnd ? -1 : (this.#bytes[this.#offset] ?? -1);
  }

  /** Reads an element, which must have this tag when one is given. */
  read(tag?: number): DerElement {
    const start = this.#offset;
    const found = this.#byte();
    const contentStart = this.#pass(found, tag);
    return new DerElement(found, this.#bytes, start, contentStart, this.#offset);
  }

  /** What is inside the next element: a view. */
  readContent(tag: number): Buffer {
    const contentStart = this.#pass(this.#byte(), tag);
    return this.#bytes.subarray(contentStart, this.#offset);
  }

  /** All of the next element: a view. */
  readRaw(tag: number): Buffer {
    const start = this.#offset;
    this.#pass(this.#byte(), tag);
    return this.#bytes.subarray(start, this.#offset);
  }

  /** Reads an element if it has this tag. */
  readOptional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.read(tag) : undefined;
  }

  /** A reader of what is inside the next element. */
  enter(tag: number): DerReader {
    const contentStart = this.#pass(this.#byte(), tag);
    return new DerReader(this.#bytes, contentStart, this.#offset);
  }

  end(): void {
    if (!this.atEnd) throw malformed("something follows where nothing may");
  }

  /** Goes on behind an element whose tag was read. @returns where its content begins. */
  #pass(found: number, tag: number | undefined): number {
    if ((found & 0x1f) === 0x1f) throw malformed("a tag of more than one octet");
    if (tag !== undefined && found !== tag)
      throw malformed(`expected tag 0x${tag.toString(16)}, found 0x${found.toString(16)}`);
    const length = this.#length();
    const contentStart = this.#offset;
    if (length > this.#end - contentStart) throw malformed("an element reaches beyond its end");
    this.#offset += length;
    return contentStart;
  }

  #byte(): number {
    const byte = this.atEnd ? undefined : this.#bytes[this.#offset++];
    if (byte === undefined) throw malformed("it ends too soon");
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const octets = first & 0x7f;
    if (octets === 0 || octets > 4) throw malformed("a length that DER does not allow");
    let length = 0;
    for (let index = 0; index < octets; index++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (octets - 1)) throw malformed("a length that is not the shortest");
    return length;
  }
}

/** Reads the only element of `bytes`. */
export function readWhole(bytes: Buffer, tag: number): DerReader {
  const reader = new DerReader(bytes);
  const inner = reader.enter(tag);
  reader.end();
  return inner;
}

/** A dotted object identifier. */
export function readOid(content: Buffer): string {
  if (content.length === 0) throw malformed("an empty object identifier");
  let dotted = "";
  let arc = 0;
  let inArc = false;
  for (const byte of content) {
    if (!inArc && byte === 0x80) throw malformed("an object identifier that is not the shortest");
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw malformed("an object identifier beyond reason");
    inArc = (byte & 0x80) !== 0;
    if (inArc) continue;
    dotted += dotted === "" ? firstArcs(arc) : `.${arc}`;
    arc = 0;
  }
  if (inArc) throw malformed("an object identifier that ends too soon");
  return dotted;
}

/** The first two, which share their octets. */
function firstArcs(value: number): string {
  return value < 80 ? `${Math.floor(value / 40)}.${value % 40}` : `2.${value - 80}`;
}

/** An integer's content must be there, and in its shortest form. */
export function checkInteger(content: Buffer): void {
  const first = content[0];
  const second = content[1];
  if (first === undefined) throw malformed("an empty integer");
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw malformed("an integer that is not the shortest");
}

/** An integer's content, checked to be the shortest form. */
export function readInteger(content: Buffer): bigint {
  checkInteger(content);
  const first = content[0] ?? 0;
  const magnitude = BigInt(`0x${content.toString("hex")}`);
  return first >= 0x80 ? magnitude - (1n << BigInt(content.length * 8)) : magnitude;
}

export function readBoolean(content: Buffer): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw malformed("a boolean that is neither");
  return content[0] === 0xff;
}

/** A bit string of whole octets. */
export function readBitString(content: Buffer): Buffer {
  if (content[0] !== 0) throw malformed("a bit string that is not whole octets");
  return content.subarray(1);
}

const timeForms: ReadonlyMap<number, RegExp> = new Map([
  [Tag.UtcTime, /^\d{12}Z$/],
  [Tag.GeneralizedTime, /^\d{14}Z$/],
]);

/** UTCTime or GeneralizedTime as X.509 restricts them: seconds, and Z. */
export function readTime(element: DerElement): Date {
  const text = element.content.toString("latin1");
  if (!timeForms.get(element.tag)?.test(text)) throw malformed("a time that X.509 does not allow");
  const afterYear = text.length - "0102150405Z".length;
  const year = Number(text.slice(0, afterYear));
  const digits = (from: number): number => Number(text.slice(afterYear + from, afterYear + from + 2));
  const [month, day, hour, minute, second] = [digits(0), digits(2), digits(4), digits(6), digits(8)];
  const fullYear = element.tag === Tag.UtcTime ? (year < 50 ? 2000 + year : 1900 + year) : year;
  const date = new Date(Date.UTC(fullYear, month - 1, day, hour, minute, second));
  if (fullYear < 100) date.setUTCFullYear(fullYear);
  if (
    date.getUTCMonth() !== month - 1 ||
    date.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    throw malformed("a time that does not exist");
  return date;
}
