import { buildGoProgram } from "../support/go-program.ts";
import { formatTable, steps } from "../support/matrix/cell.ts";
import { findSpireHost, finialHost } from "../support/matrix/matrix-host.ts";
import { goPrograms, typescriptPrograms } from "../support/matrix/plugin-program.ts";
import { RecordedMatrix } from "../support/matrix/recorded-matrix.ts";
import type { Scenario } from "../support/scenario.ts";

export const scenario: Scenario = {
  title:
    "a plugin of every type, in Go and in TypeScript, is loaded, configured, asked and unloaded by Finial and by SPIRE",
  quick: false,
  async run({ step, say }) {
    const go = await goPrograms();
    const old = await buildGoProgram("old");
    step("built the Go plugins with spire-plugin-sdk, and two with its first release");
    const spire = findSpireHost();
    const matrices: RecordedMatrix[] = [];
    for (const host of [finialHost, ...(spire === undefined ? [] : [spire])])
      for (const programs of [go, typescriptPrograms()]) {
        const matrix = new RecordedMatrix({ host, programs, say, ...(programs === go && { old }) });
        matrices.push(matrix);
        await matrix.run().catch((error: unknown) => {
          say(
            `${host.name} with ${programs.language} plugins: ${error instanceof Error ? error.message : error}`,
          );
        });
        step(`${host.name} ran with ${programs.language} plugins of every type`);
      }
    const cells = matrices.flatMap((matrix) => matrix.cells);
    const rows = cells.map((cell) => cell.row);
    if (spire === undefined) rows.push(["SPIRE", "both", "every type", ...steps.map(() => "SKIPPED")]);
    for (const line of formatTable(["host", "language", "plugin", ...steps], rows)) say(line);
    const broken = cells.filter(({ problems }) => problems.length > 0);
    for (const { host, language, title, problems } of broken)
      for (const problem of problems) say(`${host}, ${language}, ${title}: ${problem}`);
    if (broken.length > 0) throw new Error(`${broken.length} of ${cells.length} plugins do not hold`);
    const skipped = spire === undefined ? "; SPIRE's own daemons SKIPPED: SPIRE_BIN_DIR is not set" : "";
    return `${cells.length} plugins loaded, configured, asked all of their contracts and unloaded${skipped}`;
  },
};
