import type { Figure } from "./figure.ts";
import { isReached, type Target, targets } from "./targets.ts";

/** All figures for people: a row each, with SPIRE's beside where it was measured, and what is to be reached. */
export function tableOf(figures: readonly Figure[], peerPrefix: string): readonly string[] {
  const own = figures.filter(({ name }) => !name.startsWith(peerPrefix));
  const peer = new Map(figures.map((figure) => [figure.name, figure]));
  const hasPeer = own.length < figures.length;
  const rows = own.map((figure) => {
    const other = peer.get(`${peerPrefix}${figure.name}`);
    const target = targets.find(({ name }) => name === figure.name);
    return [
      figure.name,
      formatNumber(figure.value),
      ...(hasPeer ? [other === undefined ? "" : formatNumber(other.value)] : []),
      figure.unit,
      target === undefined ? "" : verdictOf(target, figure),
    ];
  });
  const header = ["", "Finial", ...(hasPeer ? ["SPIRE"] : []), "", ""];
  return align([header, ...rows], hasPeer ? [1, 2] : [1]);
}

function verdictOf(target: Target, figure: Figure): string {
  const { atLeast, atMost } = target;
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  return `${isReached(target, figure) ? "reached" : "MISSED"}: ${bound}`;
}

function align(rows: readonly (readonly string[])[], right: readonly number[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

/** Three digits that count; whole numbers from a hundred on. */
function formatNumber(value: number): string {
  return value >= 100 ? Math.round(value).toString() : String(Number(value.toPrecision(3)));
}
