import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PluginType } from "@finial/sdk";
import { type GivenEnvironment, pluginEnvironment } from "../kernel/pluginhost/environment.ts";
import { SocketFolder } from "../kernel/pluginhost/socket-folder.ts";
import { typeNames } from "./kind.ts";
import { endProcesses } from "./leftovers.ts";
import { Probe } from "./probe.ts";
import type { Target } from "./target.ts";

/** In the environment of all that the kit starts, and so of what those start: that is how it finds what they left. */
const marker = "FINIAL_PLUGIN_TEST";
/** In a configuration. */
const placeholder = "$" + "{FINIAL_TEST_FOLDER}";

export interface LabOptions {
  readonly target: Target;
  /** Of who runs the kit. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly given: GivenEnvironment;
  /** HCL text; `${FINIAL_TEST_FOLDER}` in it becomes a fresh folder for each process. */
  readonly config: string | undefined;
  readonly trustDomain: string;
  /** How long the plugin may take to start, and for each answer. */
  readonly patienceMs: number;
}

/** Where one plugin is looked at: its surroundings, and what has been learnt of it. */
export class Lab implements AsyncDisposable {
  readonly target: Target;
  readonly trustDomain: string;
  readonly patienceMs: number;
  readonly hasConfig: boolean;
  /** As the target says, or what it was found to offer. */
  kind: PluginType | undefined;
  readonly #options: LabOptions;
  readonly #sockets: SocketFolder;
  readonly #mark: string;

  private constructor(options: LabOptions, sockets: SocketFolder, kind: PluginType | undefined) {
    this.target = options.target;
    this.trustDomain = options.trustDomain;
    this.patienceMs = options.patienceMs;
    this.hasConfig = options.config !== undefined;
    this.kind = kind;
    this.#options = options;
    this.#sockets = sockets;
    this.#mark = sockets.path;
  }

  static async open(options: LabOptions, kind: PluginType | undefined): Promise<Lab> {
    return new Lab(options, await SocketFolder.make(tmpdir()), kind);
  }

  get socketFolder(): string {
    return this.#sockets.path;
  }

  /** The type whose cookie alone is given; undefined while none is known: then all are. */
  get cookie(): string | undefined {
    return this.kind?.name ?? this.target.type;
  }

  /** Configuration for one process. */
  config(): string {
    const text = this.#options.config ?? "";
    if (!text.includes(placeholder)) return text;
    return text.replaceAll(placeholder, mkdtempSync(join(this.socketFolder, "data-")));
  }

  environment({ cookie }: { readonly cookie: boolean }): Readonly<Record<string, string>> {
    const cookies = this.cookie === undefined ? typeNames : [this.cookie];
    const [type = ""] = cookies;
    const environment: Record<string, string> = {
      ...pluginEnvironment(this.#options.env, {
        builtIn: this.target.isPackage,
        type,
        socketFolder: this.socketFolder,
        given: this.#options.given,
      }),
      ...Object.fromEntries(cookies.map((name) => [name, name])),
      [marker]: this.#mark,
    };
    if (!cookie) for (const name of typeNames) delete environment[name];
    return environment;
  }

  /** Starts a process of which every word is kept. */
  async probe({ cookie = true }: { readonly cookie?: boolean } = {}): Promise<Probe> {
    const { file, args, isPackage } = this.target;
    return await Probe.start({ file, args, env: this.environment({ cookie }), lifeline: isPackage });
  }

  /** What all processes of this kit are known by: an entry of `/proc/PID/environ`. */
  get mark(): string {
    return `${marker}=${this.#mark}`;
  }

  /** Ends whatever of the plugin's is still there. */
  async [Symbol.asyncDispose](): Promise<void> {
    endProcesses(this.mark);
    await this.#sockets[Symbol.asyncDispose]();
  }
}
