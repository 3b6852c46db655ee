import type { Socket } from "node:net";
import { isIP } from "node:net";
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { StatusError } from "@finial/sdk";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import { chainOf, type TlsIdentity } from "../../kernel/rpc/tls-listener.ts";

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type Target = Parameters<ChannelCredentials["_createSecureConnector"]>[0];

/** As long as the server lets a handshake take. */
const handshakeLimitMs = 10_000;

export interface ServerTrust {
  /** What the client shows, as of now; undefined before it has an identity. */
  readonly identity: () => TlsIdentity | undefined;
  /** Throws unless the chain (leaf first, DER) is the server's. Asked anew for every connection. */
  readonly verify: (chainDer: readonly Buffer[]) => void;
}

/**
 * Mutual TLS by SPIFFE's rules: neither OpenSSL's opinion of the chain, nor host names, nor the system's roots matter.
 * Identity and trust are looked up when a connection is made, so that a new one always has today's.
 */
export class ServerCredentials extends ChannelCredentials {
  readonly #trust: ServerTrust;

  constructor(trust: ServerTrust) {
    super();
    this.#trust = trust;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(target: Target, _: unknown, callCredentials?: CallCredentials): Connector {
    return {
      connect: async (socket) => ({ socket: await handshake(socket, target, this.#trust), secure: true }),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }
}

async function handshake(socket: Socket, target: Target, trust: ServerTrust): Promise<TLSSocket> {
  const host = target.path.replace(/:\d+$/, "");
  const tls = connect({
    socket,
    secureContext: contextOf(trust.identity()),
    ALPNProtocols: ["h2"],
    // The chain is verified below; OpenSSL knows no SPIFFE IDs, and no anchors either.
    rejectUnauthorized: false,
    ...(isIP(host.replace(/^\[|\]$/g, "")) === 0 && { servername: host }),
  });
  try {
    await secured(tls);
    trust.verify(chainOf(tls));
    return tls;
  } catch (error) {
    tls.destroy();
    // grpc-js puts it into the status of the calls that waited; it prints errors with their class's name.
    throw `authentication handshake failed: ${wordsOf(error)}`;
  }
}

/** OpenSSL's own message is of addresses and source lines, around a reason. */
function wordsOf(error: unknown): string {
  if (error instanceof Error && "library" in error && "reason" in error) return `tls: ${error.reason}`;
  return StatusError.from(error).message;
}

function contextOf(identity: TlsIdentity | undefined): SecureContext {
  return createSecureContext({
    // None: absent would mean the system's.
    ca: [],
    minVersion: "TLSv1.2",
    ...(identity && { key: identity.keyPem, cert: identity.chainPem }),
  });
}

function secured(tls: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.setTimeout(handshakeLimitMs, () => tls.destroy(new Error("the server does not answer")));
    tls.once("secureConnect", () => {
      tls.setTimeout(0);
      resolve();
    });
    tls.once("error", reject);
    tls.once("close", () => reject(new Error("the server closed the connection")));
  });
}
