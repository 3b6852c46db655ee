import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const chunkBytes = 1 << 20;

/** Whether a text stands somewhere in what a process can write: its heap, its stacks, its buffers. For root alone, or its user. */
export function isInMemory(pid: number, texts: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const overlap = Math.max(...texts.map((text) => text.length)) - 1;
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    for (const [start, end] of writableRanges(pid))
      for (const chunk of chunks(memory, start, end, overlap))
        for (const text of texts) if (chunk.includes(text)) found.add(text);
  } finally {
    closeSync(memory);
  }
  return found;
}

function writableRanges(pid: number): readonly (readonly [start: number, end: number])[] {
  return readFileSync(`/proc/${pid}/maps`, "latin1")
    .split("\n")
    .flatMap((line) => {
      const [, start = "", end = ""] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      return start === "" ? [] : [[Number.parseInt(start, 16), Number.parseInt(end, 16)] as const];
    });
}

/** Each begins a little before the last one's end, so that nothing is cut in two. */
function* chunks(memory: number, start: number, end: number, overlap: number): Generator<Buffer> {
  const buffer = Buffer.alloc(chunkBytes);
  for (let at = start; at < end; at += chunkBytes - overlap) {
    const read = readRange(memory, buffer, Math.min(chunkBytes, end - at), at);
    if (read > 0) yield buffer.subarray(0, read);
  }
}

/** Ranges come and go, and some cannot be read at all. */
function readRange(memory: number, buffer: Buffer, length: number, position: number): number {
  try {
    return readSync(memory, buffer, 0, length, position);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EIO" || code === "EFAULT") return 0;
    throw error;
  }
}
