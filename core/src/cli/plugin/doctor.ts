import { diagnose } from "../../kit/doctor.ts";
import { command } from "../command.ts";
import { outputFlag, printJson } from "../output.ts";
import { explain } from "./finding.ts";
import { labFlags, openLab } from "./plugin-lab.ts";

export const pluginDoctor = command({
  name: "plugin doctor",
  synopsis: "Explains why a plugin does not start: its file, its handshake, its socket, Init",
  operands: "<command…> | <package folder>",
  flags: { ...labFlags, output: outputFlag },
  run: async ({ flags, operands, io }) => {
    await using lab = await openLab(flags, operands, io);
    const diagnosis = await diagnose(lab, io.env.PATH);
    if (flags.output === "json") printJson(diagnosis, io.stdout);
    else if (diagnosis.ok)
      io.stdout.write(
        `${lab.target.name} starts as it should, in ${diagnosis.startMs} ms\n  it says ${diagnosis.line}\n  it offers ${diagnosis.services.join(", ")}\n`,
      );
    else
      io.stdout.write(
        `${lab.target.name} does not start as it should (${diagnosis.finding.reason})\n${explain(diagnosis.finding, "  ")}`,
      );
    return diagnosis.ok ? 0 : 1;
  },
});
