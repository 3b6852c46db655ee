import type { MessagePort } from "node:worker_threads";

/** Asks the thread for a connection. What belongs to it comes and goes by its ports. */
export interface ConnectRequest {
  /** Bytes from and to the server. */
  readonly cipherPort: MessagePort;
  /** Bytes from and to the agent. */
  readonly plainPort: MessagePort;
  /** ThreadMessage to the agent. */
  readonly controlPort: MessagePort;
  /** The agent's certificates, leaf first. */
  readonly chainPem: string;
  /** SubjectPublicKeyInfo of the key, which is of P-256. */
  readonly publicKeyDer: Uint8Array;
  /** The server's name; undefined where it has an address alone. */
  readonly servername: string | undefined;
  /** Where the answer to `sign` is put, for a thread that waits for it. */
  readonly answer: SharedArrayBuffer;
}

/** What the thread tells the agent of a connection. */
export type ThreadMessage =
  /** The thread waits until the answer is there. */
  | { readonly kind: "sign"; readonly digest: Uint8Array }
  /** The server has shown these, leaf first, DER; nobody has verified them. */
  | { readonly kind: "secured"; readonly chainDer: readonly Uint8Array[] }
  /** @param words what went wrong in the handshake. */
  | { readonly kind: "failed"; readonly words: string };
