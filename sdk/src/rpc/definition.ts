import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/** A generated codec. */
export interface MessageType<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  fromPartial(object: object): T;
}

export interface MethodDefinition<Request = unknown, Response = unknown> {
  readonly name: string;
  readonly requestType: MessageType<Request>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<Response>;
  readonly responseStream: boolean;
}

/** A generated service, such as KeyManagerDefinition. */
export interface ServiceDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: { readonly [method: string]: MethodDefinition };
}

/** A message of which only the fields that matter are given; the others have their protobuf defaults. */
export type PartialMessage<T> = T extends Uint8Array | Date | string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly PartialMessage<Item>[]
    : T extends { readonly $case: infer Case; readonly value: infer Value }
      ? { readonly $case: Case; readonly value: PartialMessage<Value> }
      : { readonly [Field in keyof T]?: PartialMessage<T[Field]> | undefined };

export type RequestOf<M extends MethodDefinition> =
  M["requestType"] extends MessageType<infer Request> ? Request : never;
export type ResponseOf<M extends MethodDefinition> =
  M["responseType"] extends MessageType<infer Response> ? Response : never;

/** `/package.Service/Method`. */
export function methodPath(service: ServiceDefinition, method: MethodDefinition): string {
  return `/${service.fullName}/${method.name}`;
}

/** The bytes of a partial message. */
export function encodeMessage<T>(type: MessageType<T>, message: unknown): Buffer {
  const bytes = type.encode(type.fromPartial(message as object)).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
