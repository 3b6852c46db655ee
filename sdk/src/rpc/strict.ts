import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { MethodDefinition, ServiceDefinition } from "./definition.ts";

/**
 * The same service, whose answers must be what the contract says to the last field: codecs pass over what they do not know, and
 * a field of the wrong type would only be missing.
 */
export function strictly<D extends ServiceDefinition>(definition: D): D {
  const methods = Object.entries(definition.methods).map(([key, method]) => [key, strictMethod(method)]);
  return { ...definition, methods: Object.fromEntries(methods) };
}

function strictMethod(method: MethodDefinition): MethodDefinition {
  const { responseType } = method;
  return {
    ...method,
    responseType: {
      ...responseType,
      encode: (message, writer) => responseType.encode(message, writer),
      fromPartial: (object) => responseType.fromPartial(object),
      decode: (input, length) => {
        const message = responseType.decode(input, length);
        if (!(input instanceof Uint8Array)) return message;
        const [lost] = lostFields(input, responseType.encode(message).finish(), "");
        if (lost !== undefined)
          throw new StatusError(
            Code.Internal,
            "WRONG_FIELD",
            `the answer to ${method.name} has ${lost}, which the contract does not have`,
          );
        return message;
      },
    },
  };
}

interface Field {
  readonly wireType: WireType;
  readonly bytes: Uint8Array;
}

/** Fields of a message, by number; undefined when it is none. */
function fieldsOf(message: Uint8Array): Map<number, Field[]> | undefined {
  const fields = new Map<number, Field[]>();
  const reader = new BinaryReader(message);
  try {
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const from = reader.pos;
      const bytes = wireType === WireType.LengthDelimited ? reader.bytes() : undefined;
      if (bytes === undefined) reader.skip(wireType, number);
      const field = { wireType, bytes: bytes ?? message.subarray(from, reader.pos) };
      fields.set(number, [...(fields.get(number) ?? []), field]);
    }
  } catch {
    return undefined;
  }
  return fields;
}

/** What decoding and encoding again has lost, in words. */
function lostFields(original: Uint8Array, kept: Uint8Array, path: string): string[] {
  const before = fieldsOf(original);
  const after = fieldsOf(kept);
  if (before === undefined || after === undefined) return [];
  return [...before].flatMap(([number, fields]) => {
    const there = after.get(number) ?? [];
    return fields.flatMap((field, index) => {
      // A default that is written out is no harm: encoders leave it away.
      if (field.bytes.every((byte) => byte === 0)) return [];
      const same =
        there.find(({ wireType }) => wireType === field.wireType) && (there[index] ?? there.at(-1));
      const name = `${path}${number}`;
      if (same === undefined) return [`a field ${name} of wire type ${WireType[field.wireType]}`];
      if (field.wireType !== WireType.LengthDelimited || equal(field.bytes, same.bytes)) return [];
      return lostFields(field.bytes, same.bytes, `${name}.`);
    });
  });
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
