import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { toPem } from "@finial/sdk/crypto";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from "@finial/sdk/internal";
import type { ServerAddress, TestSvid } from "@finial/test/support/attested-client";

/** Length-prefixed messages, uncompressed. @see gRPC over HTTP2, "Length-Prefixed-Message" */
const prefixLength = 5;

/**
 * Unary calls of one method over one mutual TLS connection, with as little of its own as can be: what the client of a
 * measurement spends, it takes from what is measured.
 */
export class UnaryCaller<M extends MethodDefinition> implements Disposable {
  readonly #session: ClientHttp2Session;
  readonly #method: M;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(session: ClientHttp2Session, service: ServiceDefinition, method: M) {
    this.#session = session;
    this.#method = method;
    this.#headers = {
      ":method": "POST",
      ":path": `/${service.fullName}/${method.name}`,
      "content-type": "application/grpc",
      te: "trailers",
    };
  }

  static async connect<M extends MethodDefinition>(
    { address, bundlePem }: ServerAddress,
    { key, chainDer }: TestSvid,
    service: ServiceDefinition,
    method: M,
  ): Promise<UnaryCaller<M>> {
    const { hostname, port } = new URL(`tcp://${address}`);
    const socket: TLSSocket = connectTls({
      host: hostname,
      port: Number(port),
      ca: bundlePem,
      cert: chainDer.map((der) => toPem("CERTIFICATE", der)).join(""),
      key: key.export({ format: "pem", type: "pkcs8" }),
      ALPNProtocols: ["h2"],
      // Its certificate names it by a SPIFFE ID, not by a host.
      checkServerIdentity: () => undefined,
    });
    await once(socket, "secureConnect");
    const session = connect(`https://${address}`, { createConnection: () => socket });
    await once(session, "connect");
    return new UnaryCaller(session, service, method);
  }

  /** @throws {Error} with the status the server ended the call with. */
  call(request: Partial<RequestOf<M>>): Promise<ResponseOf<M>> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request(this.#headers);
      const chunks: Buffer[] = [];
      let trailers: IncomingHttpHeaders = {};
      stream.on("response", (headers) => {
        trailers = headers;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("trailers", (headers) => {
        trailers = headers;
      });
      stream.on("error", reject);
      stream.on("end", () => {
        if (trailers["grpc-status"] === "0")
          resolve(this.#method.responseType.decode(messageOf(chunks)) as ResponseOf<M>);
        else reject(new Error(`the call ended with ${trailers["grpc-status"]}: ${trailers["grpc-message"]}`));
      });
      const { requestType } = this.#method;
      stream.end(framed(requestType.encode(requestType.fromPartial(request)).finish()));
    });
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixLength + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixLength);
  return frame;
}

function messageOf(chunks: readonly Buffer[]): Buffer {
  const [first = Buffer.alloc(0)] = chunks;
  return (chunks.length === 1 ? first : Buffer.concat(chunks)).subarray(prefixLength);
}
