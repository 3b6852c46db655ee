import { existsSync, readdirSync } from "node:fs";
import { printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import { command } from "../../command.ts";
import { printJson } from "../../output.ts";
import { ProvenancePolicy } from "./provenance-policy.ts";
import { judged, misuseStatus, placesIn, registryFlags, requireLock, storeFlags } from "./store-flags.ts";
import { damageOf } from "./store-folder.ts";

export const pluginVerify = command({
  name: "plugin verify",
  synopsis: "Compares every byte of the packages in the store with what was locked",
  flags: {
    ...storeFlags,
    requireProvenance: registryFlags.requireProvenance,
    source: registryFlags.source,
  },
  misuseStatus,
  run: ({ flags, io }) =>
    judged(io, async () => {
      const places = placesIn(flags, io);
      const { packages } = requireLock(places);
      const policy = new ProvenancePolicy({ required: flags.requireProvenance, source: flags.source });
      const results = [];
      for (const locked of packages) {
        const damage = [...(await damageOf(locked, places.folder)), ...objections(policy, locked)];
        results.push({ package: locked.name, version: locked.version, ok: damage.length === 0, damage });
        if (flags.output === "json") continue;
        io.stdout.write(`${damage.length === 0 ? "ok     " : "DAMAGED"} ${printPackageId(locked)}\n`);
        for (const sentence of damage) io.stdout.write(`        ${sentence}\n`);
      }
      const named = new Set(packages.map(({ treeSha256 }) => treeSha256));
      const unlocked = (existsSync(places.folder) ? readdirSync(places.folder) : []).filter(
        (name) => /^[0-9a-f]{64}$/.test(name) && !named.has(name),
      );
      const ok = results.every((result) => result.ok);
      if (flags.output === "json") printJson({ ok, packages: results, unlocked }, io.stdout);
      else {
        for (const name of unlocked)
          io.stdout.write(
            `unused  ${name}: no package of the lock file; "finial plugin remove" removes it\n`,
          );
        io.stdout.write(
          `${results.length} packages, ${results.filter((result) => !result.ok).length} damaged\n`,
        );
      }
      return ok ? 0 : 1;
    }),
});

function objections(policy: ProvenancePolicy, locked: Parameters<typeof damageOf>[0]): readonly string[] {
  try {
    policy.require(locked, locked.provenance);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
