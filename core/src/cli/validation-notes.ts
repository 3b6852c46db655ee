/** What is wrong with plugins' parts of a configuration, for people: a title a plugin, a line a note. */
export function printNotes(notes: ReadonlyMap<string, readonly string[]>): string {
  const plugins = [...notes].map(
    ([plugin, lines]) => `\t${plugin}:\n${lines.map((line) => `\t\t${line}\n`).join("")}`,
  );
  return `Validation errors:\n${plugins.join("")}`;
}
