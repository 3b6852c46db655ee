import { constants } from "node:os";

type Closer = () => Promise<void>;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const closers = new Set<Closer>();
let interrupted = false;

/**
 * Has `close` called when a signal, such as that of Ctrl-C, ends this process early: daemons have sessions of their own, so
 * the terminal's signals do not reach them.
 *
 * @returns to be called once it is closed, or is to stay.
 */
export function onInterruption(close: Closer): () => void {
  if (closers.size === 0) for (const signal of signals) process.on(signal, interrupt);
  closers.add(close);
  return () => {
    closers.delete(close);
    if (closers.size === 0 && !interrupted) for (const signal of signals) process.off(signal, interrupt);
  };
}

/** Whether what fails now may fail because everything is being stopped. */
export function isInterrupted(): boolean {
  return interrupted;
}

/** The first signal counts: npm sends the terminal's on, so that one Ctrl-C may come as two. */
function interrupt(signal: NodeJS.Signals): void {
  if (interrupted) return;
  interrupted = true;
  void Promise.allSettled([...closers].map((close) => close())).then(() =>
    process.exit(128 + constants.signals[signal]),
  );
}
