import { type Clock, Code, StatusError } from "@finial/sdk";
import { type Certificate, verifyChain } from "@finial/sdk/crypto";
import type { JwtAuthority } from "@finial/sdk/spiffe";
import { every } from "../../kernel/lifecycle/every.ts";
import { aborted, runTogether, type Task } from "../../kernel/lifecycle/run-together.ts";
import type { DataStore } from "../facade/datastore.ts";
import type { UpstreamAuthority } from "../facade/upstreamauthority.ts";
import type { ActiveAuthorities, JwtKey, X509Ca } from "./authorities.ts";
import { authorityIdOf } from "./authorities.ts";
import { AuthorityMaker, type AuthorityMakerOptions } from "./authority-maker.ts";
import { Journal } from "./journal.ts";
import { loadJwtKeySlots, loadX509CaSlots } from "./load-slots.ts";
import { LostKeys } from "./lost-keys.ts";
import { arrangeSlots, isEmpty, Slots } from "./slots.ts";
import { UpstreamRoots } from "./upstream-roots.ts";

const rotateEveryMs = 10_000;
/** The upstream's bundle is asked for a little after the start, as in SPIRE. */
const localBundleDelayMs = 5000;
const retryMs = { first: 5000, most: 60_000 };
/** Nothing is signed meanwhile. */
const replaceAgainMs = 1000;

export interface AuthorityKeeperOptions extends Omit<AuthorityMakerOptions, "onUpstreamRoots"> {
  readonly store: Pick<
    DataStore,
    "findCaJournal" | "setCaJournal" | "taintX509Authority" | "revokeX509Authority"
  >;
  readonly disableJwtSvids: boolean;
  readonly clock: Clock;
}

/** Keeps this server's authorities: takes them up at start, prepares the next in time, changes over, remembers. */
export class AuthorityKeeper implements ActiveAuthorities {
  readonly #options: AuthorityKeeperOptions;
  readonly #maker: AuthorityMaker;
  readonly #x509Ca: Slots<X509Ca>;
  readonly #jwtKey: Slots<JwtKey>;
  readonly #upstreamRoots: UpstreamRoots;
  #failedRotations = 0;
  /** Whose authorities have to be replaced; of each kind, as one may be made when the other cannot. */
  readonly #lostKeys = { x509Ca: new LostKeys(), jwtKey: new LostKeys() };
  #loss = Promise.withResolvers<void>();

  private constructor(
    options: AuthorityKeeperOptions,
    parts: (keeper: () => AuthorityKeeper) => {
      readonly maker: AuthorityMaker;
      readonly x509Ca: Slots<X509Ca>;
      readonly jwtKey: Slots<JwtKey>;
    },
  ) {
    this.#options = options;
    this.#upstreamRoots = new UpstreamRoots({
      ...options,
      trustDomain: options.surroundings.settings.trustDomain,
      leave: (tainted) => this.#leaveRoots(tainted),
    });
    const { maker, x509Ca, jwtKey } = parts(() => this);
    this.#maker = maker;
    this.#x509Ca = x509Ca;
    this.#jwtKey = jwtKey;
  }

  /**
   * Takes up what the journal remembers and makes what is missing: after it there is an X.509 CA, and a JWT key unless disabled. What
   * could not be replaced yet, though its time has come, signs on.
   *
   * @throws {StatusError} what the key manager, the store or the upstream throws.
   */
  static async start(options: AuthorityKeeperOptions): Promise<AuthorityKeeper> {
    const { store, keyManager, bundle, upstream, logger, surroundings } = options;
    const journal = await Journal.load(store, keyManager, logger);
    const load = {
      records: journal.records,
      keyManager,
      bundle: await bundle.find(),
      hasUpstream: upstream !== undefined,
      now: surroundings.now(),
      logger,
    };
    const x509CaSlots = arrangeSlots(await loadX509CaSlots(load));
    const jwtKeySlots = arrangeSlots(await loadJwtKeySlots(load));
    const keeper = new AuthorityKeeper(options, (self) => {
      const maker = new AuthorityMaker({
        ...options,
        onUpstreamRoots: (roots) => self().#upstreamRoots.take(roots),
      });
      const shared = { logger, now: surroundings.now };
      return {
        maker,
        x509Ca: new Slots<X509Ca>({
          ...shared,
          ...x509CaSlots,
          title: "X509 CA",
          make: (slot) => maker.makeX509Ca(slot),
          record: (slotId, { value, issuedAt, notAfter, authorityId, upstreamAuthorityId }) =>
            journal.addX509Ca({
              slotId,
              issuedAt,
              notAfter,
              certificateDer: value.certificate.der,
              upstreamChainDer: value.upstreamChain.map(({ der }) => der),
              state: "prepared",
              authorityId,
              upstreamAuthorityId,
            }),
          recordState: (id, state) => journal.setX509CaState(id, state),
        }),
        jwtKey: new Slots<JwtKey>({
          ...shared,
          ...jwtKeySlots,
          title: "JWT key",
          make: (slot) => maker.makeJwtKey(slot),
          record: (slotId, { value, issuedAt, notAfter, authorityId }) =>
            journal.addJwtKey({
              slotId,
              issuedAt,
              notAfter,
              kid: value.kid,
              publicKeyPkixDer: value.key.publicKey.pkixDer,
              state: "prepared",
              authorityId,
            }),
          recordState: (id, state) => journal.setJwtKeyState(id, state),
        }),
      };
    });
    keyManager.onKeysLost((ids) => keeper.#takeLoss(ids));
    await keeper.#x509Ca.resume();
    if (!options.disableJwtSvids) await keeper.#jwtKey.resume();
    try {
      await keeper.rotate();
    } catch (error) {
      // With something to sign with the server serves; what is due is tried again while it runs.
      const complete =
        keeper.#x509Ca.active !== undefined &&
        (options.disableJwtSvids || keeper.#jwtKey.active !== undefined);
      if (!complete) throw error;
    }
    return keeper;
  }

  getX509Ca(): X509Ca {
    return present(this.#x509Ca.active, "X509 CA is not available for signing");
  }

  getJwtKey(): JwtKey {
    return present(this.#jwtKey.active, "JWT key is not available for signing");
  }

  /** Rotations that failed, one after the other, since the last that did not. */
  get failedRotations(): number {
    return this.#failedRotations;
  }

  /** Adds a downstream server's key to the trust domain, as far up as it goes; all keys known then. */
  async publishJwtKey(key: JwtAuthority): Promise<readonly JwtAuthority[]> {
    return await this.#maker.publishJwtKey(key);
  }

  /** Rotates in time, and follows the upstream's bundle, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, upstream } = this.#options;
    const rotate = every(
      rotateEveryMs,
      async () => {
        try {
          await this.rotate();
        } catch (error) {
          // Said already; the authorities there are sign on, and the next round tries again.
          logger.debug("Rotation is tried again", { error: StatusError.from(error).message });
        }
      },
      clock,
    );
    const tasks: Task[] = [rotate, (inner) => this.#replaceLost(inner)];
    if (upstream !== undefined)
      tasks.push(
        (inner) => this.#upstreamRoots.run(inner),
        (inner) => this.#followLocalBundle(upstream, inner),
      );
    await runTogether(tasks, signal);
  }

  /**
   * Does what is due now: a first authority, the next, the change to it. `run` does so every 10 s.
   *
   * @throws {StatusError} what stopped it, logged; the authorities there are sign on.
   */
  async rotate(): Promise<void> {
    const failures: unknown[] = [];
    await this.#attempt("X509 CA", () => this.#x509Ca.rotate(), failures);
    // Without an X.509 authority the journal cannot be kept, so there is nothing to keep a JWT key in.
    if (failures.length > 0 && isEmpty(this.#x509Ca.current)) throw failures[0];
    if (!this.#options.disableJwtSvids) await this.#attempt("JWT key", () => this.#jwtKey.rotate(), failures);
    if (failures.length > 0) throw failures[0];
    this.#failedRotations = 0;
  }

  async #attempt(title: string, rotate: () => Promise<void>, failures: unknown[]): Promise<void> {
    try {
      await rotate();
    } catch (error) {
      this.#failedRotations++;
      this.#options.logger.error(`Unable to rotate ${title}`, { error: StatusError.from(error).message });
      failures.push(error);
    }
  }

  #takeLoss(ids: ReadonlySet<string>): void {
    this.#options.logger.warn(
      "Key manager came back without its keys: new authorities are prepared and activated at once",
      { keys: [...ids].join(",") },
    );
    for (const lost of Object.values(this.#lostKeys)) lost.add(ids);
    this.#loss.resolve();
  }

  /** Authorities that cannot sign any more give way to new ones, as soon as these can be made. */
  async #replaceLost(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await Promise.race([this.#loss.promise, aborted(signal)]);
      if (signal.aborted) return;
      this.#loss = Promise.withResolvers();
      try {
        await this.#lostKeys.x509Ca.replace((isLost) => this.#x509Ca.leave(isLost));
        await this.#lostKeys.jwtKey.replace((isLost) => this.#jwtKey.leave(isLost));
      } catch (error) {
        logger.error("Unable to replace authorities whose keys are gone", {
          error: StatusError.from(error).message,
        });
        this.#loss.resolve();
        await clock.sleep(replaceAgainMs, { signal });
      }
    }
  }

  /** First an authority below another root, if this server's is below one of these. */
  async #leaveRoots(tainted: readonly Certificate[]): Promise<void> {
    const { logger, surroundings } = this.#options;
    const isBelow = ({ upstreamChain }: X509Ca): boolean =>
      isSignedBelow(upstreamChain, tainted, surroundings.now());
    if (await this.#x509Ca.leave(isBelow))
      logger.info("X509 CA is replaced, as its upstream root is tainted", {
        subject_key_ids: tainted.map(({ subjectKeyId }) => authorityIdOf(subjectKeyId)).join(","),
      });
  }

  /** A stream that fails is opened again: the upstream's plugin may have gone away for a while. */
  async #followLocalBundle(upstream: UpstreamAuthority, signal: AbortSignal): Promise<void> {
    const { clock, bundle, logger } = this.#options;
    await clock.sleep(localBundleDelayMs, { signal });
    for (let delayMs = retryMs.first; !signal.aborted; delayMs = Math.min(delayMs * 2, retryMs.most)) {
      try {
        for await (const { x509Authorities, jwtAuthorities } of upstream.watchLocalBundle({ signal })) {
          this.#upstreamRoots.take(x509Authorities);
          await bundle.add({ jwtAuthorities });
          delayMs = retryMs.first;
        }
        return;
      } catch (error) {
        logger.error("Failed to follow the upstream authority's local bundle", {
          error: StatusError.from(error).message,
        });
        await clock.sleep(delayMs, { signal });
      }
    }
  }
}

function isSignedBelow(chain: readonly Certificate[], anchors: readonly Certificate[], now: Date): boolean {
  try {
    verifyChain({ chain, anchors, now });
    return true;
  } catch {
    // There is no path from it to any of them.
    return false;
  }
}

function present<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new StatusError(Code.Internal, "AUTHORITY_MISSING", message);
  return value;
}
