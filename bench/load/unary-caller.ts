import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { toPem } from "@finial/sdk/crypto";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from "@finial/sdk/internal";
import type { ServerAddress, TestSvid } from "@finial/test/support/attested-client";
import { Flag, FrameReader, FrameType, frame, literalHeaders } from "./http2-frames.ts";

/** Length-prefixed messages, uncompressed. @see gRPC over HTTP2, "Length-Prefixed-Message" */
const prefixLength = 5;
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** What all answers of a connection may be together, which is more than any measurement brings. @see RFC 9113, section 6.9.1 */
const windowIncrement = 2 ** 31 - 1 - 65_535;
const firstSendWindow = 65_535;

interface Open {
  readonly resolve: (message: Buffer) => void;
  readonly reject: (error: Error) => void;
  data: Buffer | undefined;
}

/**
 * Unary calls of one method over one mutual TLS connection, with as little of its own as can be: what the client of a
 * measurement spends, it takes from what is measured. So it writes the few HTTP/2 frames it needs, and of what comes it
 * reads the messages alone; anything out of the ordinary ends the measurement.
 */
export class UnaryCaller<M extends MethodDefinition> implements Disposable {
  readonly #socket: TLSSocket;
  readonly #method: M;
  readonly #headers: Buffer;
  readonly #reader = new FrameReader();
  readonly #open = new Map<number, Open>();
  #nextStream = 1;
  #sendWindow = firstSendWindow;
  #outgoing: Buffer[] = [];

  private constructor(socket: TLSSocket, authority: string, service: ServiceDefinition, method: M) {
    this.#socket = socket;
    this.#method = method;
    this.#headers = literalHeaders({
      ":method": "POST",
      ":scheme": "https",
      ":authority": authority,
      ":path": `/${service.fullName}/${method.name}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
    const window = Buffer.alloc(4);
    window.writeUInt32BE(windowIncrement);
    socket.write(
      Buffer.concat([preface, frame(FrameType.Settings), frame(FrameType.WindowUpdate, { payload: window })]),
    );
  }

  static async connect<M extends MethodDefinition>(
    { address, bundlePem }: ServerAddress,
    { key, chainDer }: TestSvid,
    service: ServiceDefinition,
    method: M,
  ): Promise<UnaryCaller<M>> {
    const { hostname, port } = new URL(`tcp://${address}`);
    const socket = connect({
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
    return new UnaryCaller(socket, address, service, method);
  }

  /** @throws {Error} when the call is refused, or the connection ends. */
  async call(request: Partial<RequestOf<M>>): Promise<ResponseOf<M>> {
    const { requestType, responseType } = this.#method;
    const message = requestType.encode(requestType.fromPartial(request)).finish();
    const body = Buffer.alloc(prefixLength + message.length);
    body.writeUInt32BE(message.length, 1);
    body.set(message, prefixLength);
    return responseType.decode(await this.#send(body)) as ResponseOf<M>;
  }

  #send(body: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#sendWindow -= body.length;
      if (this.#sendWindow < 0) {
        reject(new Error("the server takes no more for now: there are too many calls in flight"));
        return;
      }
      const stream = this.#nextStream;
      this.#nextStream += 2;
      this.#open.set(stream, { resolve, reject, data: undefined });
      this.#write(
        frame(FrameType.Headers, { stream, flags: Flag.EndHeaders, payload: this.#headers }),
        frame(FrameType.Data, { stream, flags: Flag.EndStream, payload: body }),
      );
    });
  }

  /** What is sent in one turn of the event loop goes out together. */
  #write(...frames: readonly Buffer[]): void {
    if (this.#outgoing.length === 0)
      setImmediate(() => {
        const bytes = Buffer.concat(this.#outgoing);
        this.#outgoing = [];
        this.#socket.write(bytes);
      });
    this.#outgoing.push(...frames);
  }

  #take(bytes: Buffer): void {
    for (const { type, flags, stream, payload } of this.#reader.read(bytes)) {
      const open = this.#open.get(stream);
      switch (type) {
        case FrameType.Data:
          if (open !== undefined)
            open.data = open.data === undefined ? Buffer.from(payload) : Buffer.concat([open.data, payload]);
          break;
        case FrameType.Settings:
          if ((flags & Flag.Ack) === 0) this.#write(frame(FrameType.Settings, { flags: Flag.Ack }));
          break;
        case FrameType.Ping:
          if ((flags & Flag.Ack) === 0) this.#write(frame(FrameType.Ping, { flags: Flag.Ack, payload }));
          break;
        case FrameType.WindowUpdate:
          if (stream === 0) this.#sendWindow += payload.readUInt32BE() & 0x7fff_ffff;
          break;
        case FrameType.RstStream:
          this.#settle(stream);
          break;
        case FrameType.GoAway:
          this.#fail(new Error("the server wants no more calls on this connection"));
          break;
      }
      const endsStream = type === FrameType.Data || type === FrameType.Headers;
      if (endsStream && (flags & Flag.EndStream) !== 0) this.#settle(stream);
    }
  }

  /** A call that failed brings no message: why is in the server's log. */
  #settle(stream: number): void {
    const open = this.#open.get(stream);
    this.#open.delete(stream);
    const { data } = open ?? {};
    if (
      data !== undefined &&
      data.length >= prefixLength &&
      data.readUInt32BE(1) === data.length - prefixLength
    )
      open?.resolve(data.subarray(prefixLength));
    else open?.reject(new Error(`the server refused a ${this.#method.name}: its log says why`));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
