import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MessageChannel, Worker } from "node:worker_threads";
import { PortStream } from "./port-stream.ts";
import { SignAnswer } from "./sign-answer.ts";
import type { ConnectRequest, ThreadMessage } from "./thread-messages.ts";

/** What TLS needs of a key that never leaves its plugin. */
export interface RemoteKeyIdentity {
  /** Leaf first. */
  readonly chainPem: string;
  /** SubjectPublicKeyInfo, of P-256. */
  readonly publicKeyDer: Buffer;
  /** @returns the ECDSA signature of a SHA-256 digest, in ASN.1 DER. */
  readonly signDigest: (digest: Buffer) => Promise<Buffer>;
}

/** A connection over TLS. */
export interface SecuredConnection {
  /** What goes through it. Destroying it closes the connection. */
  readonly stream: Duplex;
  /** What the server has shown, leaf first, DER: for the caller to verify. */
  readonly chainDer: readonly Buffer[];
}

let thread: Worker | undefined;

/**
 * A TLS client whose private key is elsewhere. OpenSSL signs in the midst of a handshake, and waits for the signature: it does
 * so in a thread of its own, which is started with the first such connection, and does not keep the process.
 *
 * @param socket connected; closed with the connection.
 * @throws {Error} what went wrong in the handshake, or what the key manager said.
 */
export async function connectWithRemoteKey(options: {
  readonly socket: Socket;
  readonly identity: RemoteKeyIdentity;
  readonly servername: string | undefined;
  readonly limitMs: number;
}): Promise<SecuredConnection> {
  const { socket, identity, servername, limitMs } = options;
  const [cipher, plain, control] = [new MessageChannel(), new MessageChannel(), new MessageChannel()];
  const answer = new SignAnswer();
  const cipherStream = new PortStream(cipher.port1);
  const stream = new PortStream(plain.port1);
  const { promise, resolve, reject } = Promise.withResolvers<readonly Buffer[]>();
  let refusal: Error | undefined;
  let hasFailed = false;
  control.port1.on("message", (message: ThreadMessage) => {
    switch (message.kind) {
      case "sign":
        if (hasFailed) {
          answer.give(undefined);
          return;
        }
        identity.signDigest(Buffer.from(message.digest)).then(
          (signature) => answer.give(signature),
          (error: Error) => {
            // OpenSSL will say that it could not sign; this is why.
            refusal = error;
            answer.give(undefined);
          },
        );
        return;
      case "secured":
        resolve(message.chainDer.map((der) => Buffer.from(der)));
        return;
      case "failed":
        reject(refusal ?? new Error(message.words));
        return;
    }
  });
  control.port1.once("close", () => reject(refusal ?? new Error("the server closed the connection")));
  socket.pipe(cipherStream).pipe(socket);
  socket.once("close", () => {
    if (!socket.readableEnded) cipherStream.destroy();
  });
  // What TLS said last is sent yet.
  cipherStream.once("close", () => socket.destroySoon());
  socket.once("error", reject);

  let worker: Worker | undefined;
  const timer = setTimeout(() => reject(new Error("the server does not answer")), limitMs);
  try {
    const request: ConnectRequest = {
      cipherPort: cipher.port2,
      plainPort: plain.port2,
      controlPort: control.port2,
      chainPem: identity.chainPem,
      publicKeyDer: identity.publicKeyDer,
      servername,
      answer: answer.buffer,
    };
    worker = startedThread();
    worker.once("error", reject);
    worker.postMessage(request, [cipher.port2, plain.port2, control.port2]);
    return { stream, chainDer: await promise };
  } catch (error) {
    // The thread waits for a signature, or will: nobody wants it any more, and the other connections wait with it.
    hasFailed = true;
    answer.give(undefined);
    stream.destroy();
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    worker?.off("error", reject);
  }
}

function startedThread(): Worker {
  if (thread !== undefined) return thread;
  const isSource = import.meta.url.endsWith(".ts");
  const worker = new Worker(new URL(isSource ? "./tls-thread.ts" : "./tls-thread.mjs", import.meta.url));
  // Its connections end with it; the next starts another.
  worker.once("error", () => undefined);
  worker.once("exit", () => {
    if (thread === worker) thread = undefined;
  });
  worker.unref();
  thread = worker;
  return worker;
}
