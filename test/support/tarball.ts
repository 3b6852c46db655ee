import { gzipSync } from "node:zlib";

/** An entry of a package as it is sent. */
export interface TarEntry {
  /** With the folder that npm puts all into: `package/plugin.json`. */
  readonly path: string;
  readonly content?: string | Buffer;
  /** 0644 unless said. */
  readonly mode?: number;
  /** Of ustar: "0" a file, "1" a hard link, "2" a symbolic link, "3" a character device, "5" a folder. */
  readonly type?: string;
  readonly linkTo?: string;
}

const block = 512;

/** A package as a registry sends it: also one that npm would not make. */
export function packTarball(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? "");
    return [header(entry, content.length), content, Buffer.alloc((block - (content.length % block)) % block)];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * block)]));
}

function header({ path, mode = 0o644, type = "0", linkTo = "" }: TarEntry, size: number): Buffer {
  const bytes = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number): void => {
    bytes.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
  };
  if (Buffer.byteLength(path) > 100) throw new RangeError(`${path} is too long`);
  bytes.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(499_162_500, 136, 12);
  bytes.write(" ".repeat(8), 148);
  bytes.write(type, 156);
  bytes.write(linkTo, 157);
  bytes.write("ustar\u000000", 257);
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return bytes;
}
