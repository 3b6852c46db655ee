/** What is done with each plugin, in this order. */
export const steps = ["load", "configure", "RPCs", "unload"] as const;
export type Step = (typeof steps)[number];

/** One plugin in one host: what was done with it, and how it went. */
export class Cell {
  readonly host: string;
  readonly language: string;
  readonly title: string;
  readonly #outcomes = new Map<Step, string>();
  readonly #problems: string[] = [];
  #isRefused = false;

  constructor(options: { readonly host: string; readonly language: string; readonly title: string }) {
    this.host = options.host;
    this.language = options.language;
    this.title = options.title;
  }

  get problems(): readonly string[] {
    const missing = steps.filter((step) => !this.#outcomes.has(step));
    return missing.length === 0 ? this.#problems : [...this.#problems, `not come to: ${missing.join(", ")}`];
  }

  /** Does a step; what it throws is this cell's problem alone. */
  async check(step: Step, work: () => Promise<string> | string): Promise<void> {
    try {
      this.#outcomes.set(step, await work());
    } catch (error) {
      this.#outcomes.set(step, "NO");
      this.#problems.push(`${step}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** The host takes no such plugin from outside: there is nothing more to do with it. */
  refuse(): void {
    this.#isRefused = true;
    for (const step of steps) if (!this.#outcomes.has(step)) this.#outcomes.set(step, "n/a");
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** As a row of the table. */
  get row(): readonly string[] {
    return [this.host, this.language, this.title, ...steps.map((step) => this.#outcomes.get(step) ?? "-")];
  }
}

/** Rows under a head, in columns as wide as what is in them. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [head, widths.map((width) => "-".repeat(width)), ...rows].map(line);
}
