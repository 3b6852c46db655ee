import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { NotHere } from "./flaw.ts";
import type { Lab } from "./lab.ts";
import { Session } from "./session.ts";

/** Keeps one plugin process for the checks that can share it, and starts another when it has ended. */
export class Bench implements AsyncDisposable {
  readonly lab: Lab;
  #session: Session | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** A process that has said where it listens. */
  async session(): Promise<Session> {
    if (this.#session?.probe.hasEnded) await this.end();
    this.#session ??= await Session.open(this.lab);
    return this.#session;
  }

  /** A process that has answered Init. */
  async initialized(): Promise<Session> {
    const session = await this.session();
    if (session.services.size === 0) await session.init();
    return session;
  }

  /** A process that is at work: configured, if it takes a configuration. */
  async configured(): Promise<Session> {
    const session = await this.initialized();
    if (session.isConfigured || !session.offersConfig) return session;
    await session.configure();
    session.isConfigured = true;
    return session;
  }

  /** @throws {NotHere} when the plugin takes no configuration. */
  async withConfig(): Promise<Session> {
    const session = await this.initialized();
    if (!session.offersConfig) throw new NotHere(`it does not offer ${ConfigDefinition.fullName}`);
    return session;
  }

  /** Ends the process of now. */
  async end(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
