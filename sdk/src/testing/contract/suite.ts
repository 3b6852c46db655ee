import * as runner from "node:test";

/** One demand of a contract. */
export interface ContractCase {
  /** The suite and the demand: `the KeyManager contract: lists what it made, and replaces a key of the same id`. */
  readonly title: string;
  /** Rejects with what is wrong, in an assertion's words or a status. */
  run(): Promise<void>;
}

let collected: ContractCase[] | undefined;
let suite = "";

/** A contract's suite: tests of the running file, or cases where somebody collects them. */
export function describe(title: string, body: () => void): void {
  if (collected === undefined) {
    void runner.describe(title, body);
    return;
  }
  suite = title;
  body();
}

/** One demand of the suite it stands in. */
export function it(title: string, body: () => void | Promise<void>): void {
  if (collected === undefined) {
    void runner.it(title, async () => await body());
    return;
  }
  collected.push({ title: `${suite}: ${title}`, run: async () => await body() });
}

/**
 * The cases of a contract, for who runs them elsewhere than in a test file: the conformance kit does, against a process.
 *
 * @param contract calls one of the `…Contract` functions; it must not wait for anything.
 */
export function collectContract(contract: () => void): readonly ContractCase[] {
  const cases: ContractCase[] = [];
  collected = cases;
  try {
    contract();
  } finally {
    collected = undefined;
  }
  return cases;
}
