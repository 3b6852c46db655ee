import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BundledPackage } from "../bundle/bundled-packages.ts";
import { root } from "./package-json.ts";

/** Packages that leave out the text of their licence, and where it is, from the root. */
const textsElsewhere: readonly (readonly [name: RegExp, files: readonly string[]])[] = [
  [/^@bufbuild\/protobuf$/, ["LICENSE", "node_modules/@bufbuild/protobuf/dist/esm/wire/varint.js"]],
  [/^@koromix\/koffi-/, ["node_modules/koffi/LICENSE.txt"]],
  // Of the same authors, and from the same repositories.
  [/^@npmcli\/agent$/, ["node_modules/@npmcli/package-json/LICENSE"]],
  [/^@sigstore\/verify$/, ["node_modules/@sigstore/bundle/LICENSE"]],
  [/^proxy-agent-negotiate$/, ["node_modules/agent-base/LICENSE"]],
  // Lists of names, whose terms and authors are in what describes them.
  [/^spdx-exceptions$/, ["node_modules/spdx-exceptions/README.md"]],
  [/^spdx-license-ids$/, ["node_modules/spdx-license-ids/README.md"]],
];

/** The packages that are in a bundle, as the build noted them. @param bundle path of a `.mjs` file. */
export function packagesIn(bundle: string): readonly BundledPackage[] {
  return once(JSON.parse(readFileSync(bundle.replace(/\.mjs$/, ".packages.json"), "utf8")));
}

/** npm may have installed the same version in several places: it is one package. */
function once(packages: readonly BundledPackage[]): BundledPackage[] {
  return [
    ...new Map(packages.map((package_) => [`${package_.name}@${package_.version}`, package_])).values(),
  ];
}

/** Each package once, sorted. */
export function packagesInAll(bundles: readonly string[]): readonly BundledPackage[] {
  return once(bundles.flatMap(packagesIn)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The file that goes wherever the bundles go: what others wrote that is in them, and under which terms. */
export function thirdPartyNotices(packages: readonly BundledPackage[]): string {
  const line = "-".repeat(80);
  const sections = packages.map((package_) => {
    const { name, version, license } = package_;
    return `${line}\n${name} ${version}, ${license}\n${line}\n\n${licenseTexts(package_).join("\n\n")}\n`;
  });
  return `The bundles here hold code of these packages.\n\n${sections.join("\n")}`;
}

function licenseTexts({ name, path }: BundledPackage): readonly string[] {
  const own = readdirSync(join(root, path)).filter((file) => /^(licen[cs]e|notice|copying)\b/i.test(file));
  const elsewhere = textsElsewhere.find(([pattern]) => pattern.test(name))?.[1] ?? [];
  const files = own.length > 0 ? own.map((file) => join(path, file)) : elsewhere;
  if (files.length === 0)
    throw new Error(`${path}: the text of its licence is missing, so it cannot be shipped`);
  return files.map(licenseText);
}

/** A licence file, or the comment that a source file begins with. */
function licenseText(file: string): string {
  if (!existsSync(join(root, file))) throw new Error(`${file}: this licence text is missing`);
  const text = readFileSync(join(root, file), "utf8");
  if (!file.endsWith(".js")) return text.trim();
  const comment = /^(?:\/\/.*\n)+/.exec(text)?.[0] ?? "";
  if (!comment.includes("Copyright")) throw new Error(`${file}: it no longer begins with its licence`);
  return comment.replaceAll(/^\/\/ ?/gm, "").trim();
}
