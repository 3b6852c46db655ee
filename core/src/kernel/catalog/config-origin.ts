import type { Position, PrintedHcl } from "@finial/sdk/hcl";

/** Where a plugin's configuration was written. */
export interface ConfigOrigin {
  readonly file: string;
  /** Of what was printed from it; absent when the plugin is given the file as it is. */
  readonly places?: PrintedHcl["places"];
}

/** What our plugins call the text they are given: `plugin_data:2:1: unknown key …`. */
const place = /^plugin_data:(\d+):(\d+): /gm;

/**
 * A plugin's message with the places the operator knows in those of the text it was given.
 *
 * @param toWritten from a place in that text to the one in the text before secrets were put in.
 */
export function atOrigin(
  message: string,
  origin: ConfigOrigin | undefined,
  toWritten: (position: Position) => Position = (position) => position,
): string {
  if (origin === undefined) return message;
  const { file, places } = origin;
  return message.replaceAll(place, (_, line: string, column: string) => {
    const printed = toWritten({ line: Number(line), column: Number(column) });
    const source = places === undefined ? printed : sourceOf(printed, places);
    return source === undefined ? `${file}: ` : `${file}:${source.line}:${source.column}: `;
  });
}

/** Of the last thing that begins there or before: a plugin may point into the middle of a value. */
function sourceOf(
  { line, column }: PrintedHcl["places"][number]["printed"],
  places: PrintedHcl["places"],
): PrintedHcl["places"][number]["source"] | undefined {
  return places.findLast(
    ({ printed }) => printed.line < line || (printed.line === line && printed.column <= column),
  )?.source;
}
