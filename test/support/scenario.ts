/** A scenario is one promise of the product, shown on real processes. */
export interface Scenario {
  /** One line for the list. */
  readonly title: string;
  /** Runs as a part of `npm test`. */
  readonly quick: boolean;
  /** Programs that npm does not bring; they are installed first where that can be done. */
  readonly needs?: readonly string[];
  /**
   * Does the steps and throws when one does not hold.
   * @returns the figure to print last.
   * @throws {Skipped} when a part that cannot be had here is missing.
   */
  run(context: ScenarioContext): Promise<string>;
}

export interface ScenarioContext {
  /** The whole length instead of the fraction a plain run does. */
  readonly full: boolean;
  /** Prints a numbered step. */
  step(text: string): void;
  /** Prints an indented line below the step. */
  say(text: string): void;
}

/** Thrown by a scenario whose counterpart cannot be had here: exit status 77, never a pass. */
export class Skipped extends Error {
  override readonly name = "Skipped";
}
