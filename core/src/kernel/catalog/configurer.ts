import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { Code, type Logger, StatusError } from "@finial/sdk";
import { type Channel, type Client, createClient } from "@finial/sdk/internal";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { atOrigin } from "./config-origin.ts";
import { hashConfigText, readConfigText } from "./config-source.ts";
import type { PluginBlock } from "./plugin-block.ts";

/** Gives one plugin its configuration, and again when it changed. */
export class Configurer {
  readonly #block: PluginBlock;
  readonly #trustDomain: TrustDomain;
  readonly #logger: Logger;
  readonly #client: Client<typeof ConfigDefinition> | undefined;
  #hash: string | undefined;
  /** Of two files read at the same time, the older must not come last. */
  #lastReconfigure = Promise.resolve();

  constructor(options: {
    readonly block: PluginBlock;
    readonly trustDomain: TrustDomain;
    readonly logger: Logger;
    readonly services: ReadonlySet<string>;
    readonly channel: Channel;
  }) {
    this.#block = options.block;
    this.#trustDomain = options.trustDomain;
    this.#logger = options.logger;
    this.#client = options.services.has(ConfigDefinition.fullName)
      ? createClient(ConfigDefinition, options.channel)
      : undefined;
  }

  /** Only what comes from a file of its own can change while the daemon runs. */
  get reconfigurable(): boolean {
    return this.#client !== undefined && this.#block.pluginDataFile !== undefined;
  }

  /** @throws {StatusError} the plugin's own, or FailedPrecondition when it takes no configuration and is given one. */
  async configure({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const text = await readConfigText(this.#block);
    if (this.#client === undefined) {
      if (text.trim() !== "") throw noConfiguration();
      return;
    }
    await this.#configure(this.#client, text, { signal });
    const hash = hashConfigText(text);
    this.#hash = hash;
    const { reconfigurable } = this;
    this.#logger.info("Configured plugin", { reconfigurable, ...(reconfigurable && { hash }) });
  }

  /** What the plugin has against its configuration; none means valid. */
  async validate({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<readonly string[]> {
    try {
      const text = await readConfigText(this.#block);
      if (this.#client === undefined) return text.trim() === "" ? [] : [noConfiguration().message];
      const { notes } = await this.#client.validate(this.#request(text), { signal });
      return notes.map((note) => atOrigin(note, this.#block.configOrigin));
    } catch (error) {
      const { code, message } = StatusError.from(error);
      return code === Code.Unimplemented ? [] : [atOrigin(message, this.#block.configOrigin)];
    }
  }

  /** Configures again if the text changed. A refusal is logged, and the plugin goes on as it was. */
  reconfigure(): Promise<void> {
    this.#lastReconfigure = this.#lastReconfigure.then(() => this.#reconfigure());
    return this.#lastReconfigure;
  }

  async #reconfigure(): Promise<void> {
    if (!this.reconfigurable || this.#client === undefined) return;
    const old = this.#hash;
    try {
      const text = await readConfigText(this.#block);
      const hash = hashConfigText(text);
      if (hash === old) {
        this.#logger.info("Plugin not reconfigured since the config is unchanged", { hash });
        return;
      }
      await this.#configure(this.#client, text);
      this.#hash = hash;
      this.#logger.info("Plugin reconfigured", { old_hash: old, new_hash: hash });
    } catch (error) {
      this.#logger.error("Failed to reconfigure plugin", {
        error: StatusError.from(error).message,
        hash: old,
      });
    }
  }

  async #configure(
    client: Client<typeof ConfigDefinition>,
    text: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    try {
      await client.configure(this.#request(text), options);
    } catch (error) {
      const { code, reason, message, source, details, cause = error } = StatusError.from(error);
      const placed = atOrigin(message, this.#block.configOrigin);
      throw new StatusError(code, reason, placed, { source, details, cause });
    }
  }

  #request(hclConfiguration: string) {
    return { coreConfiguration: { trustDomain: this.#trustDomain.name }, hclConfiguration };
  }
}

function noConfiguration(): StatusError {
  return new StatusError(
    Code.FailedPrecondition,
    "NO_CONFIGURATION_INTERFACE",
    "no supported configuration interface found",
  );
}
