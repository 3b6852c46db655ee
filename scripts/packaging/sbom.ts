import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { BundledPackage } from "../bundle/bundled-packages.ts";
import { sha256Of } from "./checksum.ts";
import { type PackageJson, root } from "./package-json.ts";
import { packagesIn, packagesInAll } from "./third-party.ts";

interface LockedPackage {
  /** `sha512-` and base64. */
  readonly integrity?: string;
}

/**
 * A software bill of materials: each bundle with its checksum, and which packages of others have code in it, as the build found
 * them there.
 *
 * @param bundles absolute paths.
 * @param time of the release.
 * @see CycloneDX 1.6, JSON
 */
export function softwareBillOfMaterials(bundles: readonly string[], time: Date): string {
  const { name, version, description, license } = rootPackage();
  const self = `pkg:generic/${name}@${version}`;
  const refs = bundles.map(bundleRef);
  const bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: time.toISOString(),
      component: {
        type: "application",
        "bom-ref": self,
        name,
        version,
        description,
        licenses: licenses(String(license)),
        purl: self,
      },
    },
    components: [
      ...bundles.map((bundle) => ({
        type: "file",
        "bom-ref": bundleRef(bundle),
        name: bundleRef(bundle),
        version,
        hashes: [{ alg: "SHA-256", content: sha256Of(bundle) }],
      })),
      ...packagesInAll(bundles).map(component),
    ],
    dependencies: [
      { ref: self, dependsOn: refs },
      ...bundles.map((bundle) => ({ ref: bundleRef(bundle), dependsOn: packagesIn(bundle).map(purlOf) })),
    ],
  };
  return `${JSON.stringify(bom, undefined, 2)}\n`;
}

function rootPackage(): PackageJson {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
}

function bundleRef(bundle: string): string {
  return relative(root, bundle);
}

function component(package_: BundledPackage): object {
  const { version, license, path } = package_;
  const [name = "", group] = package_.name.split("/").reverse();
  const integrity = locked(path).integrity ?? "";
  return {
    type: "library",
    "bom-ref": purlOf(package_),
    ...(group && { group }),
    name,
    version,
    // What npm verified when it installed the package.
    ...(integrity.startsWith("sha512-") && {
      hashes: [
        { alg: "SHA-512", content: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex") },
      ],
    }),
    licenses: licenses(license),
    purl: purlOf(package_),
  };
}

function licenses(expression: string): readonly object[] {
  return /[ (]/.test(expression) ? [{ expression }] : [{ license: { id: expression } }];
}

function purlOf({ name, version }: BundledPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function locked(path: string): LockedPackage {
  const { packages }: { readonly packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
    readFileSync(join(root, "package-lock.json"), "utf8"),
  );
  return packages[path] ?? {};
}
