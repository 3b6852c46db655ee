import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import type { PluginType } from "@finial/sdk";

/** A package to be written: a plugin of this type and name. */
export interface NewPlugin {
  readonly kind: PluginType;
  readonly name: string;
  /** What package.json says of `@finial/sdk`, and of what it stands on where that is not published. */
  readonly sdk: Readonly<Record<string, string>>;
}

/** Of which a plugin can be begun, with what is its own of each: a configuration to try it with. */
interface Template {
  readonly folder: string;
  /** Lines of `plugin_data` for the example and the kit; DATA_FOLDER is one that is there. */
  readonly config: readonly string[];
  readonly packages?: Readonly<Record<string, string>>;
  readonly ephemeral?: boolean;
  /** Has to be run before the kit. */
  readonly prepare?: string;
  /** Arguments of the kit besides the configuration. */
  readonly kitFlags?: string;
}

const keyManager: Template = {
  folder: "keymanager",
  config: ["max_keys = 100"],
  packages: { "@noble/curves": "2.4.0" },
  ephemeral: true,
};
const secret = "umask 077; mkdir -p conformance; openssl rand -hex 32 > conformance/secret";
const root =
  "umask 077; mkdir -p conformance; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout conformance/root.key -out conformance/root.pem -days 30 -subj /CN=root";

const templates: Readonly<Record<string, Template>> = {
  "server KeyManager": keyManager,
  "server NodeAttestor": {
    folder: "server/nodeattestor",
    config: ['secret_file = "conformance/secret"'],
    prepare: secret,
  },
  "server UpstreamAuthority": {
    folder: "server/upstreamauthority",
    config: ['cert_file = "conformance/root.pem"', 'key_file = "conformance/root.key"'],
    prepare: root,
  },
  "server CredentialComposer": {
    folder: "server/credentialcomposer",
    config: ['organizational_unit = "Sales"'],
  },
  "server Notifier": { folder: "server/notifier", config: ['path = "DATA_FOLDER/bundle.pem"'] },
  "server BundlePublisher": { folder: "server/bundlepublisher", config: ['path = "DATA_FOLDER/bundle.pem"'] },
  "agent KeyManager": keyManager,
  "agent NodeAttestor": {
    folder: "agent/nodeattestor",
    config: ['agent_name = "a"', 'secret_file = "conformance/secret"'],
    prepare: secret,
  },
  "agent WorkloadAttestor": { folder: "agent/workloadattestor", config: ["with_group = true"] },
  "agent SVIDStore": {
    folder: "agent/svidstore",
    config: ['directory = "DATA_FOLDER"'],
    kitFlags: " -metadata name:db",
  },
};

/** What builds and checks a package; the versions that Finial itself is built with. */
export const tools: Readonly<Record<string, string>> = {
  "@types/node": "26.6.6",
  rolldown: "1.3.2",
  typescript: "7.0.2",
};

/** Whether there is a template for plugins of this type. */
export function hasTemplate({ side, name }: PluginType): boolean {
  return Object.hasOwn(templates, `${side} ${name}`);
}

/**
 * All files of a new package, by their paths in it.
 *
 * @param templatesFolder where `core/templates` is.
 */
export function packageFiles(plugin: NewPlugin, templatesFolder: string): ReadonlyMap<string, string> {
  const { kind, name } = plugin;
  const template = templates[`${kind.side} ${kind.name}`];
  if (template === undefined) throw new TypeError(`there is no template of ${kind.side} ${kind.name}`);
  const folder = join(templatesFolder, template.folder);
  const text = (file: string): string =>
    readFileSync(join(folder, file), "utf8")
      .replaceAll("__NAME__", name)
      .replaceAll("@finial/sdk/server", `@finial/sdk/${kind.side}`)
      .replaceAll('side: "server"', `side: "${kind.side}"`);
  const sources = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  return new Map([
    ["package.json", json(packageJson(plugin, template))],
    ["plugin.json", json(manifest(plugin, template))],
    ["tsconfig.json", json(tsconfig)],
    ["rolldown.config.js", readFileSync(join(templatesFolder, "rolldown.config.js"), "utf8")],
    [".gitignore", "node_modules/\ndist/\nconformance/\n"],
    [".github/workflows/ci.yml", workflow],
    ["conformance.hcl", `${configText(template, "$" + "{FINIAL_TEST_FOLDER}").join("\n")}\n`],
    ["README.md", readme(plugin, template, text("README.md"))],
    ["src/main.ts", mainSource],
    ...sources.map((file): [string, string] => [`src/${file}`, text(file)]),
  ]);
}

function configText({ config }: Template, folder: string): readonly string[] {
  return config.map((line) => line.replace("DATA_FOLDER", folder));
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Of npm: lower case, of what may be in a URL. */
export function packageName({ kind, name }: Pick<NewPlugin, "kind" | "name">): string {
  return `finial-plugin-${kind.side}-${kind.name.toLowerCase()}-${name}`;
}

function packageJson(plugin: NewPlugin, { packages, prepare, kitFlags = "" }: Template): object {
  const { kind, name, sdk } = plugin;
  return {
    name: packageName(plugin),
    version: "0.1.0",
    description: `${kind.name} plugin "${name}" for Finial and SPIRE ${kind.side}s`,
    type: "module",
    engines: { node: ">=24" },
    files: ["dist", "plugin.json"],
    bin: { [packageName(plugin)]: "dist/plugin.mjs" },
    scripts: {
      build: "rolldown -c",
      types: "tsc -p .",
      test: "node --test 'src/**/*.test.ts'",
      check: "npm run types && npm test && npm run build",
      ...(prepare !== undefined && { preconformance: prepare }),
      conformance: `finial plugin test -config conformance.hcl${kitFlags} .`,
      prepack: "npm run check",
    },
    // All of it is in the bundle: who installs the plugin installs nothing else.
    devDependencies: Object.fromEntries(
      Object.entries({ ...sdk, ...packages, ...tools }).toSorted(([one], [other]) => (one < other ? -1 : 1)),
    ),
  };
}

function manifest({ kind, name }: NewPlugin, { ephemeral }: Template): object {
  return {
    side: kind.side,
    type: kind.name,
    name,
    version: "0.1.0",
    services: [kind.definition.fullName, ConfigDefinition.fullName],
    main: "dist/plugin.mjs",
    mtls: true,
    ...(ephemeral && { ephemeral }),
  };
}

const tsconfig = {
  compilerOptions: {
    target: "esnext",
    module: "nodenext",
    lib: ["esnext"],
    types: ["node"],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ["src"],
};

const mainSource = `import { serve } from "@finial/sdk";
import { plugin } from "./plugin.ts";

await serve(plugin);
`;

const workflow = `name: ci
on: [push, pull_request]
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: 24
      - run: npm ci
      - run: npm run check
      - run: npm install --no-save @finial/core
      - run: npm run conformance
`;

function readme({ kind, name }: NewPlugin, template: Template, own: string): string {
  const [description = "", rest = ""] = own.split(/(?=^## Errors)/m);
  const config = configText(template, "/var/lib/finial").map((line) =>
    line.replace("conformance/", "/etc/finial/"),
  );
  return `# ${kind.name} "${name}"

## Name

\`${name}\`: a ${kind.name} of the ${kind.side}.

${description}## Example

\`\`\`hcl
${kind.name} "${name}" {
    plugin_cmd = "/opt/plugins/${name}/dist/plugin.mjs"
    plugin_checksum = "…the SHA-256 of that file, in hex"
    plugin_data {
${config.map((line) => `        ${line}`).join("\n")}
    }
}
\`\`\`

${rest}
## Working on it

\`npm install\` once; \`npm run check\` checks the types, runs the tests and builds \`dist/plugin.mjs\`, the one file that
runs. \`npm run conformance\` holds the built plugin to all that a host expects, with \`conformance.hcl\` as its
configuration; it needs the \`finial\` command of \`@finial/core\`.

## See also

The author's guide that comes with Finial.
`;
}
