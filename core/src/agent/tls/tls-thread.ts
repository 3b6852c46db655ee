import { pipeline } from "node:stream";
import { connect, createSecureContext, type SecureContext } from "node:tls";
import { type MessagePort, parentPort } from "node:worker_threads";
import { handshakeWords } from "../../kernel/rpc/handshake-words.ts";
import { chainOf } from "../../kernel/rpc/peer-chain.ts";
import { PortStream } from "./port-stream.ts";
import { SignAnswer } from "./sign-answer.ts";
import { SigningEngine } from "./signing-engine.ts";
import type { ConnectRequest, ThreadMessage } from "./thread-messages.ts";

/** A key manager is given this long for any answer. */
const signLimitMs = 30_000;

/** This thread's whole work: TLS whose signatures are waited for, so that nobody else has to wait. */
function run(port: MessagePort): void {
  const engine = new SigningEngine();
  port.on("message", (request: ConnectRequest) => {
    try {
      open(request, engine);
    } catch (error) {
      // Of one connection: the others go on.
      refuse(request, handshakeWords(error));
    }
  });
}

function refuse({ cipherPort, plainPort, controlPort }: ConnectRequest, words: string): void {
  const message: ThreadMessage = { kind: "failed", words };
  controlPort.postMessage(message);
  for (const port of [cipherPort, plainPort, controlPort]) port.close();
}

function open(request: ConnectRequest, engine: SigningEngine): void {
  const { cipherPort, plainPort, controlPort, chainPem, publicKeyDer, servername } = request;
  const tell = (message: ThreadMessage): void => controlPort.postMessage(message);
  const answer = new SignAnswer(request.answer);
  const key = engine.offer(Buffer.from(publicKeyDer), (digest) => {
    answer.reset();
    tell({ kind: "sign", digest });
    return answer.wait(signLimitMs);
  });
  const secureContext = contextOf(key, chainPem);
  // TLS would go with it, and with what it has not handed on yet.
  const cipher = new PortStream(cipherPort, { stays: true });
  const plain = new PortStream(plainPort);
  const tls = connect({
    socket: cipher,
    secureContext,
    ALPNProtocols: ["h2"],
    // The agent verifies the chain; OpenSSL knows no SPIFFE IDs.
    rejectUnauthorized: false,
    ...(servername !== undefined && { servername }),
  });
  tls.once("secureConnect", () => {
    tell({ kind: "secured", chainDer: chainOf(tls) });
    // Whoever fails closes the other.
    pipeline(tls, plain, tls, () => {});
  });
  tls.once("error", (error) => tell({ kind: "failed", words: handshakeWords(error) }));
  tls.once("close", () => {
    cipher.destroy();
    controlPort.close();
    key[Symbol.dispose]();
  });
  // Of a stream that ended in peace there may be something yet to read.
  for (const stream of [cipher, plain])
    stream.once("close", () => {
      if (!stream.readableEnded) tls.destroy();
    });
}

/** @throws {Error} for a chain that is none, or not the key's; the key is then disposed of. */
function contextOf(key: ReturnType<SigningEngine["offer"]>, chainPem: string): SecureContext {
  const { privateKeyEngine, privateKeyIdentifier } = key;
  try {
    return createSecureContext({
      ca: [],
      // Which signs with a key of P-256 what SHA-256 makes of it, and nothing else.
      minVersion: "TLSv1.3",
      cert: chainPem,
      privateKeyEngine,
      privateKeyIdentifier,
    });
  } catch (error) {
    key[Symbol.dispose]();
    throw error;
  }
}

if (parentPort !== null) run(parentPort);
