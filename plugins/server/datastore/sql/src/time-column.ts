import type { SqlValue } from "./sql.ts";

/** As Go's SQLite driver writes a time: `2026-11-24 13:22:45.808154035+00:00`, or another offset. */
const pattern = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?\s*(Z|[+-]\d\d:\d\d)?$/;

/** An instant as SPIRE stores it, in UTC. */
export function toTimeColumn(instant: Date): string {
  const [date, time = ""] = instant.toISOString().split("T");
  const [whole, fraction = ""] = time.slice(0, -1).split(".");
  const digits = fraction.replace(/0+$/, "");
  return `${date} ${whole}${digits === "" ? "" : `.${digits}`}+00:00`;
}

/** The instant in a time column, to the millisecond; undefined for NULL and for what is no time. */
export function fromTimeColumn(value: SqlValue | undefined): Date | undefined {
  if (typeof value === "number") return new Date(Math.abs(value) > 1e12 ? value : value * 1000);
  const match = typeof value === "string" ? pattern.exec(value) : null;
  if (match === null) return undefined;
  const [, date, time, fraction = "", offset = "Z"] = match;
  const instant = new Date(
    `${date}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${offset}`.replace(/T(\d\d:\d\d)\./, "T$1:00."),
  );
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}

/** Seconds since 1970, rounded down; 0 for NULL. */
export function toSeconds(instant: Date | undefined): number {
  return instant === undefined ? 0 : Math.floor(instant.getTime() / 1000);
}

/** Seconds since 1970 as a time column; NULL for 0. */
export function secondsToTimeColumn(seconds: number): string | null {
  return seconds === 0 ? null : toTimeColumn(new Date(seconds * 1000));
}
