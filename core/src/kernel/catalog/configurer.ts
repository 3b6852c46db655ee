import { createHmac, randomBytes } from "node:crypto";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { Code, type Logger, StatusError } from "@finial/sdk";
import type { Client } from "@finial/sdk/internal";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { mayHoldReferences, type ResolvedConfig, resolveConfigSecrets } from "../secret/config-secrets.ts";
import type { PluginSecrets } from "../secret/plugin-secrets.ts";
import type { ClientOf } from "./bound-plugin.ts";
import { atOrigin } from "./config-origin.ts";
import { hashConfigText, readConfigText } from "./config-source.ts";
import type { PluginBlock } from "./plugin-block.ts";

/** A configuration as it is written, and with its secrets. */
interface ReadConfig extends ResolvedConfig {
  readonly written: string;
  /** Of the text as it is written: it may be logged. */
  readonly hash: string;
  /** Changes with the secrets. */
  readonly secretsPrint: string;
}

/** What came of being asked to configure again. */
export type Reconfigured =
  /** Its configuration stands in the daemon's own file. */
  | { readonly outcome: "fixed" | "unchanged" | "reconfigured" }
  | { readonly outcome: "refused"; readonly error: string };

/** Gives one plugin its configuration, and again when it changed or the plugin is another process. */
export class Configurer {
  readonly #block: PluginBlock;
  readonly #trustDomain: TrustDomain;
  readonly #logger: Logger;
  readonly #takesConfig: boolean;
  readonly #secrets: PluginSecrets;
  /** To tell secrets apart without keeping them. */
  readonly #printKey = randomBytes(32);
  #configured: Pick<ReadConfig, "written" | "hash" | "secretsPrint"> | undefined;
  /** Of two files read at the same time, the older must not come last. */
  #lastReconfigure: Promise<unknown> = Promise.resolve();

  constructor(options: {
    readonly block: PluginBlock;
    readonly trustDomain: TrustDomain;
    readonly logger: Logger;
    readonly services: ReadonlySet<string>;
    readonly secrets: PluginSecrets;
  }) {
    this.#secrets = options.secrets;
    this.#block = options.block;
    this.#trustDomain = options.trustDomain;
    this.#logger = options.logger;
    this.#takesConfig = options.services.has(ConfigDefinition.fullName);
  }

  /** Only what comes from somewhere else can change while the daemon runs: a file of its own, a secret. */
  get reconfigurable(): boolean {
    const { pluginDataFile, configText = "" } = this.#block;
    return this.#takesConfig && (pluginDataFile !== undefined || mayHoldReferences(configText));
  }

  /**
   * @throws {StatusError} the plugin's own, that of a secret which cannot be had, or FailedPrecondition when it takes no
   *   configuration and is given one.
   */
  async configure(
    client: ClientOf,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    if (!this.#takesConfig) {
      if ((await readConfigText(this.#block)).trim() !== "") throw noConfiguration();
      return;
    }
    const config = await this.#read(options);
    await this.#configure(client(ConfigDefinition), config, options);
    const { reconfigurable } = this;
    const { hash } = config;
    this.#logger.info("Configured plugin", { reconfigurable, ...(reconfigurable && { hash }) });
  }

  /**
   * Gives it to a process that takes the place of another as the other had it, whatever is in its file by now. Secrets are
   * resolved anew: those of then may be valid no longer.
   */
  async configureAgain(
    client: ClientOf,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    if (this.#configured === undefined) return;
    const config = await this.#resolve(this.#configured.written, options);
    await this.#configure(client(ConfigDefinition), config, options);
  }

  /** What the plugin has against its configuration; none means valid. */
  async validate(
    client: ClientOf,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<readonly string[]> {
    try {
      if (!this.#takesConfig)
        return (await readConfigText(this.#block)).trim() === "" ? [] : [noConfiguration().message];
      const { text, toWritten } = await this.#read(options);
      try {
        const { notes } = await client(ConfigDefinition).validate(this.#request(text), options);
        return notes.map((note) => this.#atOrigin(note, toWritten));
      } catch (error) {
        const { code, message } = StatusError.from(error);
        return code === Code.Unimplemented ? [] : [this.#atOrigin(message, toWritten)];
      }
    } catch (error) {
      return StatusError.from(error).message.split("\n");
    }
  }

  /** Configures again if the text or a secret changed. A refusal is logged, and the plugin goes on as it was. */
  reconfigure(client: ClientOf): Promise<Reconfigured> {
    const mine = this.#lastReconfigure.then(() => this.#reconfigure(client));
    this.#lastReconfigure = mine;
    return mine;
  }

  async #reconfigure(client: ClientOf): Promise<Reconfigured> {
    if (!this.reconfigurable) return { outcome: "fixed" };
    const old = this.#configured;
    try {
      const config = await this.#read();
      const { hash, secretsPrint } = config;
      const secretsChanged = secretsPrint !== old?.secretsPrint;
      if (hash === old?.hash && !secretsChanged) {
        this.#logger.info("Plugin not reconfigured since the config is unchanged", { hash });
        return { outcome: "unchanged" };
      }
      await this.#configure(client(ConfigDefinition), config);
      this.#logger.info("Plugin reconfigured", {
        old_hash: old?.hash,
        new_hash: hash,
        ...(secretsChanged && { secrets_changed: true }),
      });
      return { outcome: "reconfigured" };
    } catch (thrown) {
      const error = this.#secrets.redaction.error(thrown).message;
      this.#logger.error("Failed to reconfigure plugin", { error, hash: old?.hash });
      return { outcome: "refused", error };
    }
  }

  /** @throws {StatusError} with places the operator knows. */
  async #read(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<ReadConfig> {
    return await this.#resolve(await readConfigText(this.#block), options);
  }

  async #resolve(
    written: string,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<ReadConfig> {
    try {
      const config = await resolveConfigSecrets(written, this.#secrets.resolver, options);
      this.#secrets.redaction.add(config.secrets);
      const secretsPrint = createHmac("sha256", this.#printKey)
        .update(JSON.stringify(config.secrets))
        .digest("hex");
      return { ...config, written, hash: hashConfigText(written), secretsPrint };
    } catch (error) {
      const { code, reason, message, cause = error } = StatusError.from(error);
      throw new StatusError(code, reason, atOrigin(message, this.#block.configOrigin), { cause });
    }
  }

  async #configure(
    client: Client<typeof ConfigDefinition>,
    { text, toWritten, written, hash, secretsPrint, secrets }: ReadConfig,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    try {
      await client.configure(this.#request(text), options);
      this.#configured = { written, hash, secretsPrint };
    } catch (error) {
      const { code, reason, message, source, details, cause = error } = StatusError.from(error);
      const placed = this.#atOrigin(message, toWritten);
      // A plugin may have a secret in what it says beside its message, too.
      throw new StatusError(code, reason, placed, {
        source,
        ...(secrets.length === 0 && { details, cause }),
      });
    }
  }

  #atOrigin(message: string, toWritten: ResolvedConfig["toWritten"]): string {
    return this.#secrets.redaction.redact(atOrigin(message, this.#block.configOrigin, toWritten));
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
