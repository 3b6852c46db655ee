import { buildGoProgram } from "../support/go-program.ts";
import { BuiltInMatrix } from "../support/matrix/built-in-matrix.ts";
import { formatTable, steps } from "../support/matrix/cell.ts";
import { findSpireHost, finialHost, type MatrixHost } from "../support/matrix/matrix-host.ts";
import { goPrograms, type PluginPrograms, typescriptPrograms } from "../support/matrix/plugin-program.ts";
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
    const hosts = [finialHost, ...(spire === undefined ? [] : [spire])].map((host) =>
      matricesOf(host, go, old, say),
    );
    const failed: string[] = [];
    // Side by side: what takes time is waiting for what hosts do now and then.
    await Promise.all(
      hosts.map(async (matrices) => {
        for (const { title, matrix } of matrices) {
          try {
            await matrix.run();
            step(title);
          } catch (error) {
            failed.push(title);
            step(`${title} FAILED: ${error instanceof Error ? error.message : error}`);
          }
        }
      }),
    );
    const matrices = hosts.flat().map(({ matrix }) => matrix);
    const cells = matrices.flatMap((matrix) => matrix.cells);
    const rows = cells.map((cell) => cell.row);
    if (spire === undefined) rows.push(["SPIRE", "both", "every type", ...steps.map(() => "SKIPPED")]);
    for (const line of formatTable(["host", "language", "plugin", ...steps], rows)) say(line);
    const broken = cells.filter(({ problems }) => problems.length > 0);
    for (const { host, language, title, problems } of broken)
      for (const problem of problems) say(`${host}, ${language}, ${title}: ${problem}`);
    if (broken.length + failed.length > 0)
      throw new Error(
        [
          `${broken.length} of ${cells.length} plugins do not hold`,
          ...failed.map((one) => `${one} failed`),
        ].join("; "),
      );
    const skipped = spire === undefined ? "; SPIRE's own daemons SKIPPED: SPIRE_BIN_DIR is not set" : "";
    const refused = cells.filter(({ isRefused }) => isRefused).length;
    const used = cells.length - refused;
    return `${used} plugins loaded, configured, asked all of their contracts and unloaded, ${refused} refused as they must be${skipped}`;
  },
};

/** What is loaded into a host, one after the other. */
function matricesOf(
  host: MatrixHost,
  go: PluginPrograms,
  old: string,
  say: (text: string) => void,
): readonly { readonly title: string; readonly matrix: RecordedMatrix | BuiltInMatrix }[] {
  const { name } = host;
  return [
    { title: `${name} with Go plugins`, matrix: new RecordedMatrix({ host, programs: go, old, say }) },
    {
      title: `${name} with TypeScript plugins`,
      matrix: new RecordedMatrix({ host, programs: typescriptPrograms(), say }),
    },
    { title: `${name} with Finial's own plugins by plugin_cmd`, matrix: new BuiltInMatrix(host) },
  ];
}
