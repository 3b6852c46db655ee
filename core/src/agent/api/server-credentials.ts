import type { Socket } from "node:net";
import { isIP } from "node:net";
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import { handshakeWords } from "../../kernel/rpc/handshake-words.ts";
import { chainOf } from "../../kernel/rpc/peer-chain.ts";
import type { TlsIdentity } from "../../kernel/rpc/tls-listener.ts";
import { connectWithRemoteKey, type RemoteKeyIdentity } from "../tls/remote-key-tls.ts";

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type Target = Parameters<ChannelCredentials["_createSecureConnector"]>[0];

/** As long as the server lets a handshake take. */
const handshakeLimitMs = 10_000;

/** What the agent shows: with its key, or with one that its key manager keeps to itself. */
export type AgentTlsIdentity = TlsIdentity | RemoteKeyIdentity;

export interface ServerTrust {
  /** What the client shows, as of now; undefined before it has an identity. */
  readonly identity: () => AgentTlsIdentity | undefined;
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

/** @returns what grpc-js takes for a socket: it uses of it what every stream has. */
async function handshake(socket: Socket, target: Target, trust: ServerTrust): Promise<Socket> {
  const host = target.path.replace(/:\d+$/, "");
  const servername = isIP(host.replace(/^\[|\]$/g, "")) === 0 ? host : undefined;
  try {
    const identity = trust.identity();
    if (identity !== undefined && "signDigest" in identity)
      return await handshakeElsewhere(socket, { identity, servername, trust });
    return await handshakeHere(socket, { identity, servername, trust });
  } catch (error) {
    // grpc-js puts it into the status of the calls that waited; it prints errors with their class's name.
    throw `authentication handshake failed: ${handshakeWords(error)}`;
  }
}

interface Handshake<Identity> {
  readonly identity: Identity;
  /** Undefined for an address. */
  readonly servername: string | undefined;
  readonly trust: ServerTrust;
}

async function handshakeHere(
  socket: Socket,
  { identity, servername, trust }: Handshake<TlsIdentity | undefined>,
): Promise<Socket> {
  const tls = connect({
    socket,
    secureContext: contextOf(identity),
    ALPNProtocols: ["h2"],
    // The chain is verified below; OpenSSL knows no SPIFFE IDs, and no anchors either.
    rejectUnauthorized: false,
    ...(servername !== undefined && { servername }),
  });
  try {
    await secured(tls);
    trust.verify(chainOf(tls));
    return tls;
  } catch (error) {
    tls.destroy();
    throw error;
  }
}

async function handshakeElsewhere(
  socket: Socket,
  { identity, servername, trust }: Handshake<RemoteKeyIdentity>,
): Promise<Socket> {
  const limitMs = handshakeLimitMs;
  const { stream, chainDer } = await connectWithRemoteKey({ socket, identity, servername, limitMs });
  try {
    trust.verify(chainDer);
    return stream as unknown as Socket;
  } catch (error) {
    stream.destroy();
    throw error;
  }
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
