import type { Figure } from "./figure.ts";
import { isReached, targets } from "./targets.ts";

const spirePrefix = "spire_";

/** A figure for people; one of SPIRE's with its ratio to Finial's own. */
export function lineOf({ name, value, unit }: Figure, all: readonly Figure[]): string {
  const own = name.startsWith(spirePrefix)
    ? all.find((figure) => figure.name === name.slice(spirePrefix.length))
    : undefined;
  const ratio = own === undefined ? "" : `   Finial: ${formatNumber(own.value / value)} of it`;
  return `  ${name.padEnd(32)} ${formatNumber(value).padStart(8)} ${unit.padEnd(4)}${ratio}`.trimEnd();
}

/** A line a target: whether it was reached. */
export function targetLines(figures: readonly Figure[]): readonly string[] {
  return targets.map((target) => {
    const figure = figures.find(({ name }) => name === target.name);
    if (figure === undefined) throw new TypeError(`the target ${target.name} was not measured`);
    const { value, unit } = figure;
    const bound =
      target.atLeast === undefined
        ? `at most ${formatNumber(target.atMost ?? 0)}`
        : `at least ${formatNumber(target.atLeast)}`;
    const verdict = isReached(target, figure) ? "reached" : "MISSED ";
    return `${verdict}  ${target.name}: ${bound} ${unit}, measured ${formatNumber(value)}`;
  });
}

/** Three digits that count; whole numbers from a hundred on. */
function formatNumber(value: number): string {
  return value >= 100 ? Math.round(value).toString() : String(Number(value.toPrecision(3)));
}
