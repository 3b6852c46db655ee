import { Code, StatusError } from "@finial/sdk";
import { type Handshake, LinkIdentity } from "@finial/sdk/internal";
import type { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";

/** The host's end of a sealed link: whom the plugin will know it by. One for each process that is started. */
export class Seal {
  readonly #identity: LinkIdentity;

  private constructor(identity: LinkIdentity) {
    this.#identity = identity;
  }

  static async make(now: Date): Promise<Seal> {
    return new Seal(await LinkIdentity.make(now));
  }

  /** What tells the plugin: a certificate, which is no secret. @see go-plugin, AutoMTLS */
  get variables(): Readonly<Record<string, string>> {
    return { PLUGIN_CLIENT_CERT: this.#identity.certificatePem };
  }

  /** For both connections of the link, once the plugin has said whom to know it by. */
  with(certificateDer: Buffer): { readonly client: ChannelCredentials; readonly server: ServerCredentials } {
    return {
      client: this.#identity.clientCredentials(certificateDer),
      server: this.#identity.serverCredentials(certificateDer),
    };
  }
}

/**
 * Whether the link is sealed is said by the host, and kept to by both.
 *
 * @returns undefined for a plain link.
 * @throws {StatusError} FailedPrecondition `HANDSHAKE_TLS`.
 */
export function agreeOn(
  seal: Seal | undefined,
  { certificateDer }: Pick<Handshake, "certificateDer">,
): ReturnType<Seal["with"]> | undefined {
  if (seal === undefined && certificateDer === undefined) return undefined;
  if (seal === undefined)
    throw disagreed("the plugin insists on mutual TLS (AutoMTLS), which it was not asked for");
  if (certificateDer === undefined)
    throw disagreed(
      "the plugin was asked for mutual TLS (AutoMTLS) and answered without: leave plugin_mtls out for a plugin that has none",
    );
  return seal.with(certificateDer);
}

function disagreed(message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, "HANDSHAKE_TLS", message);
}
