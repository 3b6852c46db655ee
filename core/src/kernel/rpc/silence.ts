import type { Socket } from "node:net";

/** HTTP/2 clients speak first, and at once. */
const prefaceLimitMs = 10_000;

/** Closes a connection whose client has not said a word in ten seconds: it costs a descriptor, and does nothing. */
export function closeWhenSilent(socket: Socket): void {
  const start = socket.bytesRead;
  const timer = setTimeout(() => {
    if (socket.bytesRead === start) socket.destroy();
  }, prefaceLimitMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
