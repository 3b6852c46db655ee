/** An instant as Go prints it in UTC: `2026-01-31 13:45:00 +0000 UTC`. */
export function formatUtc(instant: Date): string {
  return `${instant.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}

/** An instant as Go prints it where we are: `2026-01-31 14:45:00 +0100 CET`. */
export function formatLocal(instant: Date): string {
  const aheadMinutes = -instant.getTimezoneOffset();
  const local = new Date(instant.getTime() + aheadMinutes * 60_000)
    .toISOString()
    .slice(0, 19)
    .replace("T", " ");
  const sign = aheadMinutes < 0 ? "-" : "+";
  const size = Math.abs(aheadMinutes);
  const offset = `${sign}${two(Math.floor(size / 60))}${two(size % 60)}`;
  return `${local} ${offset} ${zoneName(instant) ?? offset.replace(/00$/, "")}`;
}

/** RFC 3339, in whole seconds: `2026-01-31T13:45:00Z`. */
export function formatRfc3339(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** Each locale knows the abbreviations of its own part of the world. */
function zoneName(instant: Date): string | undefined {
  return ["en-US", "en-GB", "en-AU"]
    .flatMap((locale) => new Intl.DateTimeFormat(locale, { timeZoneName: "short" }).formatToParts(instant))
    .find(({ type, value }) => type === "timeZoneName" && !/^GMT.|^UTC./.test(value))?.value;
}
