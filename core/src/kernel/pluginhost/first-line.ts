import type { Readable } from "node:stream";

/** A line that says where a socket is has no reason to be longer. */
const maxLineBytes = 64 << 10;

/**
 * The first line a plugin prints, without its end; what was printed when the stream ended before one came. Everything after is
 * read and thrown away, so that the plugin never waits for a full pipe.
 */
export function firstLine(stdout: Readable): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  let found = false;
  const finish = (line: string): void => {
    found = true;
    text = "";
    resolve(line);
  };
  stdout.setEncoding("utf8");
  stdout.on("data", (chunk: string) => {
    if (found) return;
    text += chunk;
    const end = text.indexOf("\n");
    if (end >= 0) finish(text.slice(0, end));
    else if (text.length > maxLineBytes) finish(text);
  });
  stdout.on("close", () => finish(text));
  return promise;
}
