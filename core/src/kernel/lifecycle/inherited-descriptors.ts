import { readdirSync } from "node:fs";
import koffi from "koffi";

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * Keeps what this process was started with, standard input, output and error aside, from the processes that it starts. Node
 * does so for its own descriptors, and for inherited ones only up to the first gap above 15: whoever started us with a lock, a
 * listening socket or a file of secrets open would hand it on to every plugin.
 */
export function keepInheritedDescriptors(): void {
  const fcntl = koffi.load(null).func("int fcntl(int, int, ...)");
  for (const name of readdirSync("/proc/self/fd")) {
    const descriptor = Number(name);
    // The one that lists the folder is closed by now, and says so: there is nothing to keep.
    if (descriptor > 2) fcntl(descriptor, F_SETFD, "int", FD_CLOEXEC);
  }
}
