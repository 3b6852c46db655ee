import type { Socket } from "node:net";

/** HTTP/2 clients speak first, and at once. */
export const prefaceLimitMs = 10_000;

/** Closes a connection whose client has not said a word for so long: it costs a descriptor, and does nothing. */
export function closeWhenSilent(socket: Socket, limitMs: number = prefaceLimitMs): void {
  const start = socket.bytesRead;
  const timer = setTimeout(() => {
    if (socket.bytesRead === start) socket.destroy();
  }, limitMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
