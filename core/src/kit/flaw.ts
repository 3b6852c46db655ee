/** What is wrong with a plugin, told to its author. */
export interface Finding {
  /** A stable word, such as `STDOUT_NOISE`. */
  readonly reason: string;
  /** What was seen: one sentence. */
  readonly what: string;
  /** What comes of it in a host. */
  readonly why: string;
  /** What to change. */
  readonly mend: string;
}

/** Thrown by a check that does not hold. */
export class Flaw extends Error {
  override readonly name = "Flaw";
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.what);
    this.finding = finding;
  }
}

/** Thrown by a check that has nothing to look at, with the reason. */
export class NotHere extends Error {
  override readonly name = "NotHere";
}
