import {
  Hash,
  type SignerDefinition,
  type SignRequest,
  type SignResponse,
} from "@finial/proto/plugin/server/keymanager/v1/signer";
import { Code, StatusError } from "@finial/sdk";
import type { Client, Duplex } from "@finial/sdk/internal";
import type { SignatureHash } from "./keymanager.ts";
import type { KeySigner } from "./keymanager-v1.ts";

/** As many as the contract allows in one request. */
const maxMessages = 64;
/** Fewer are not worth a request of their own. */
const minMessages = 16;
/** What is asked for at once goes in so many requests, so that the first signatures are at work while the last are made. */
const requestsATurn = 4;
/** A request that ends the plugin ends no more of its processes than are replaced at once. */
const maxAttempts = 3;

const wireHashes: Readonly<Record<SignatureHash, Hash>> = {
  SHA256: Hash.HASH_SHA256,
  SHA384: Hash.HASH_SHA384,
  SHA512: Hash.HASH_SHA512,
};

interface Signature {
  readonly signature: Buffer;
  readonly fingerprint: string;
}

interface Waiting {
  readonly message: Buffer;
  readonly resolve: (signature: Signature) => void;
  readonly reject: (error: StatusError) => void;
}

interface Asked {
  readonly keyId: string;
  readonly hash: Hash;
  readonly items: Waiting[];
}

/** A request on the stream. */
interface Sent extends Asked {
  /** For the first time. */
  readonly sentAt: number;
  readonly attempt: number;
}

/**
 * Signs over one long-lived stream: what is asked for in one turn of the event loop travels in a few messages, so that crossing
 * to the other process costs little a signature. A lost stream fails what was on it and is opened again by the next request; where
 * the plugin's process has ended, what was on it is sent to the next one, as signing twice harms nobody.
 */
export class StreamSigner implements KeySigner, Disposable {
  readonly #client: Client<typeof SignerDefinition>;
  readonly #limitMs: number;
  readonly #sent = new Map<number, Sent>();
  #asked: Asked[] = [];
  #stream: Duplex<SignRequest, SignResponse> | undefined;
  #nextId = 1;
  #watchdog: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(client: Client<typeof SignerDefinition>, limitMs: number) {
    this.#client = client;
    this.#limitMs = limitMs;
  }

  sign(keyId: string, message: Buffer, hash: SignatureHash): Promise<Signature> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(closed());
        return;
      }
      if (this.#asked.length === 0) setImmediate(() => this.#flush());
      this.#askedOf(keyId, wireHashes[hash]).items.push({ message, resolve, reject });
    });
  }

  #askedOf(keyId: string, hash: Hash): Asked {
    const known = this.#asked.find((asked) => asked.keyId === keyId && asked.hash === hash);
    if (known !== undefined) return known;
    const asked = { keyId, hash, items: [] };
    this.#asked.push(asked);
    return asked;
  }

  #flush(): void {
    const all = this.#asked;
    this.#asked = [];
    for (const asked of all) {
      if (this.#closed) for (const { reject } of asked.items) reject(closed());
      else this.#send(asked);
    }
  }

  #send({ keyId, hash, items }: Asked): void {
    const size = Math.min(maxMessages, Math.max(minMessages, Math.ceil(items.length / requestsATurn)));
    for (let start = 0; start < items.length; start += size) {
      const part = items.slice(start, start + size);
      this.#sendRequest({ keyId, hash, items: part, sentAt: performance.now(), attempt: 1 });
    }
  }

  #sendRequest(request: Sent): void {
    const { keyId, hash, items } = request;
    const id = this.#nextId++;
    let stream: Duplex<SignRequest, SignResponse>;
    try {
      stream = this.#open();
    } catch (error) {
      // The link takes no more calls, or is closed. Nobody but those who asked is there to hear of it.
      for (const { reject } of items) reject(StatusError.from(error));
      return;
    }
    this.#sent.set(id, request);
    void stream.send({ id, keyId, hash, messages: items.map(({ message }) => message) });
  }

  #open(): Duplex<SignRequest, SignResponse> {
    if (this.#stream !== undefined) return this.#stream;
    const stream = this.#client.sign();
    this.#stream = stream;
    this.#watchdog = setInterval(() => this.#cancelWhenStuck(stream), this.#limitMs / 10).unref();
    void this.#read(stream);
    return stream;
  }

  async #read(stream: Duplex<SignRequest, SignResponse>): Promise<void> {
    let end = new StatusError(Code.Unavailable, "STREAM_ENDED", "the plugin closed its Signer stream");
    try {
      for await (const response of stream) this.#settle(response);
    } catch (error) {
      end = StatusError.from(error);
    }
    clearInterval(this.#watchdog);
    this.#stream = undefined;
    const lost = [...this.#sent.values()];
    this.#sent.clear();
    for (const request of lost) {
      if (this.#maySendAgain(request, end)) this.#sendRequest({ ...request, attempt: request.attempt + 1 });
      else for (const { reject } of request.items) reject(end);
    }
  }

  #maySendAgain({ sentAt, attempt }: Sent, { reason }: StatusError): boolean {
    if (this.#closed || reason !== "PLUGIN_EXITED") return false;
    return attempt < maxAttempts && performance.now() - sentAt < this.#limitMs;
  }

  #settle({ id, signatures, keyFingerprint, error }: SignResponse): void {
    const items = this.#sent.get(id)?.items;
    if (items === undefined)
      throw new StatusError(
        Code.Internal,
        "PLUGIN_RESPONSE",
        `plugin answered request ${id}, which is not open`,
      );
    this.#sent.delete(id);
    const failure =
      error === undefined
        ? signatures.length === items.length
          ? undefined
          : new StatusError(
              Code.Internal,
              "PLUGIN_RESPONSE",
              `plugin returned ${signatures.length} signatures for ${items.length} messages`,
            )
        : fromWire(error);
    for (const [index, { resolve, reject }] of items.entries()) {
      const signature = signatures[index];
      if (failure !== undefined) reject(failure);
      else if (signature !== undefined) resolve({ signature, fingerprint: keyFingerprint });
    }
  }

  /** A plugin that does not answer in time loses the stream, and with it all that waits. */
  #cancelWhenStuck(stream: Duplex<SignRequest, SignResponse>): void {
    const oldest = this.#sent.values().next().value;
    if (oldest !== undefined && performance.now() - oldest.sentAt > this.#limitMs) stream.cancel();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#stream?.cancel();
  }
}

function closed(): StatusError {
  return new StatusError(Code.Unavailable, "PLUGIN_CLOSED", "the key manager is closed");
}

function fromWire({ code, message }: { readonly code: number; readonly message: string }): StatusError {
  const known = Object.values(Code).find((value) => value === code && value !== Code.Ok) ?? Code.Unknown;
  return new StatusError(known, "SIGNING_FAILED", message);
}
