/** Layers of balancers and names of error classes around the one sentence that says what happened. */
const wrapped =
  /^(?:\w+: )?(?:No connection established\. Last error: )+(?:Error: )?(.*?)(?:\. Resolution note: .*)?$/s;

/** What grpc-js says of a connection that could not be made, without its own insides. Other sentences stay as they are. */
export function connectionWords(details: string): string {
  const [, sentence] = wrapped.exec(details) ?? [];
  return sentence === undefined ? details : `connection error: ${sentence}`;
}
