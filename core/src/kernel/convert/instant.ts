/** Unix seconds, rounded down; 0 when there is no instant. */
export function toWireSeconds(instant: Date | undefined): number {
  return instant === undefined ? 0 : Math.floor(instant.getTime() / 1000);
}

/** The instant of Unix seconds; 0 is none. */
export function fromWireSeconds(seconds: number): Date | undefined {
  return seconds === 0 ? undefined : new Date(seconds * 1000);
}
