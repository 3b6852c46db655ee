import { threadId } from "node:worker_threads";
import koffi from "koffi";

/** Signs a digest; undefined: it cannot. */
export type SignDigest = (digest: Buffer) => Buffer | undefined;

/** OpenSSL knows engines by their names, over all threads; a thread that ended has left its own behind. */
const engineId = `finial-${threadId}`;
/** For OpenSSL, which notes where it is asked for memory. */
const here = { file: "signing-engine.ts", line: 0 };
const EVP_PKEY_EC = 408;
const ok = 1;
const notOk = 0;

/** What of Node's own OpenSSL is needed: the one that its TLS is made with. */
function openssl() {
  const library = koffi.load(null);
  const signProto = koffi.proto(
    "int FinialSign(int type, const uint8_t *digest, int length, void *signature, void *signatureLength, void *kinv, void *r, void *key)",
  );
  const loadProto = koffi.proto("void *FinialLoadKey(void *engine, const char *id, void *ui, void *data)");
  return {
    signProto,
    loadProto,
    duplicate: library.func("void *CRYPTO_strdup(const char *text, const char *file, int line)"),
    newEngine: library.func("void *ENGINE_new()"),
    setId: library.func("int ENGINE_set_id(void *engine, const void *id)"),
    setName: library.func("int ENGINE_set_name(void *engine, const void *name)"),
    setLoadKey: library.func("int ENGINE_set_load_privkey_function(void *engine, FinialLoadKey *load)"),
    addEngine: library.func("int ENGINE_add(void *engine)"),
    plainMethod: library.func("const void *EC_KEY_OpenSSL()"),
    newMethod: library.func("void *EC_KEY_METHOD_new(const void *method)"),
    setSign: library.func(
      "void EC_KEY_METHOD_set_sign(void *method, FinialSign *sign, void *setup, void *signSig)",
    ),
    parsePublicKey: library.func("void *d2i_EC_PUBKEY(void *key, _Inout_ uint8_t *pointer, long length)"),
    setMethod: library.func("int EC_KEY_set_method(void *key, const void *method)"),
    newPkey: library.func("void *EVP_PKEY_new()"),
    assignKey: library.func("int EVP_PKEY_assign(void *pkey, int type, void *key)"),
    signatureSize: library.func("int ECDSA_size(const void *key)"),
  };
}

interface HeldKey {
  readonly publicKeyDer: Buffer;
  readonly sign: SignDigest;
  /** Where OpenSSL's half of it is, once TLS has asked for it. */
  address?: bigint;
}

/**
 * An engine of OpenSSL whose private keys are elsewhere: TLS has it sign where it would have used a key of its own. There is
 * one for a process, in the thread that makes it.
 */
export class SigningEngine {
  readonly #openssl: ReturnType<typeof openssl>;
  readonly #method: unknown;
  /** By what TLS asks for them. */
  readonly #offered = new Map<string, HeldKey>();
  /** By the address of OpenSSL's half of it. */
  readonly #loaded = new Map<bigint, HeldKey>();
  #lastId = 0;

  constructor() {
    const library = openssl();
    this.#openssl = library;
    this.#method = library.newMethod(library.plainMethod());
    const sign = koffi.register(
      (
        _type: number,
        digest: unknown,
        length: number,
        signature: unknown,
        signatureLength: unknown,
        _kinv: unknown,
        _r: unknown,
        key: unknown,
      ) => this.#sign({ digest, length, signature, signatureLength, key }),
      koffi.pointer(library.signProto),
    );
    library.setSign(this.#method, sign, null, null);
    const load = koffi.register(
      (_engine: unknown, id: string) => this.#load(id),
      koffi.pointer(library.loadProto),
    );
    const engine = library.newEngine();
    // The engine keeps no copy of it, and is looked at in each search for another, also when this thread has ended.
    const name = library.duplicate(engineId, here.file, here.line);
    const made = [
      library.setId(engine, name),
      library.setName(engine, name),
      library.setLoadKey(engine, load),
      library.addEngine(engine),
    ];
    if (made.some((result) => result !== ok)) throw new Error("OpenSSL takes no engine");
  }

  /**
   * What `tls.createSecureContext` is given for a private key. To be disposed of when the connection is closed.
   *
   * @param publicKeyDer SubjectPublicKeyInfo, of an EC key.
   */
  offer(
    publicKeyDer: Buffer,
    sign: SignDigest,
  ): { readonly privateKeyEngine: string; readonly privateKeyIdentifier: string } & Disposable {
    const privateKeyIdentifier = String(++this.#lastId);
    const held: HeldKey = { publicKeyDer, sign };
    this.#offered.set(privateKeyIdentifier, held);
    return {
      privateKeyEngine: engineId,
      privateKeyIdentifier,
      [Symbol.dispose]: () => {
        this.#offered.delete(privateKeyIdentifier);
        // What is at this address may be another's by now.
        if (held.address !== undefined && this.#loaded.get(held.address) === held)
          this.#loaded.delete(held.address);
      },
    };
  }

  /** An EVP_PKEY that has no private half, and our method of signing. */
  #load(id: string): unknown {
    const held = this.#offered.get(id);
    if (held === undefined) return null;
    const { parsePublicKey, setMethod, newPkey, assignKey } = this.#openssl;
    // It takes a pointer to where the bytes are, and moves it on.
    const pointer = Buffer.alloc(8);
    pointer.writeBigUInt64LE(koffi.address(held.publicKeyDer));
    const key = parsePublicKey(null, pointer, held.publicKeyDer.length);
    if (key === null || setMethod(key, this.#method) !== ok) return null;
    const pkey = newPkey();
    if (assignKey(pkey, EVP_PKEY_EC, key) !== ok) return null;
    held.address = koffi.address(key);
    this.#loaded.set(held.address, held);
    return pkey;
  }

  #sign(call: {
    readonly digest: unknown;
    readonly length: number;
    readonly signature: unknown;
    readonly signatureLength: unknown;
    readonly key: unknown;
  }): number {
    const held = this.#loaded.get(koffi.address(call.key));
    const digest: Uint8Array = koffi.decode(call.digest, koffi.array("uint8_t", call.length, "Typed"));
    const signature = held?.sign(Buffer.from(digest));
    // OpenSSL has made room for the longest signature that a key of this curve can give; what a plugin says may be longer.
    if (signature === undefined || signature.length > this.#openssl.signatureSize(call.key)) return notOk;
    koffi.encode(call.signature, koffi.array("uint8_t", signature.length), signature);
    koffi.encode(call.signatureLength, "unsigned int", signature.length);
    return ok;
  }
}
