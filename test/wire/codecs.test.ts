import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFileRegistry, fromBinary, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { fromProtoJson, toProtoJson } from "@finial/proto/json";
import { bufImage, messagesOf, type PlacedMessage, readDescriptors } from "../../scripts/descriptors.ts";
import { Filler } from "./filled.ts";

/** What every generated codec offers. */
interface Codec {
  encode(value: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  create(): object;
  fromPartial(value: object): object;
}

const files = readDescriptors();
const filler = new Filler(files);
/** protobuf-es reads the same .proto files by reflection: an implementation that shares nothing with the codecs. */
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bufImage()));

async function codecOf({ file, path }: PlacedMessage): Promise<Codec> {
  const module = await import(`@finial/proto/${file.name.replace(/\.proto$/, "")}`);
  return module[path.replaceAll(".", "_")] as Codec;
}

function reflect(fullName: string) {
  const schema = registry.getMessage(fullName);
  assert.ok(schema, `no ${fullName}`);
  return {
    json: (bytes: Uint8Array): JsonValue =>
      toJson(schema, fromBinary(schema, bytes), { useProtoFieldName: true, alwaysEmitImplicit: true }),
    again: (bytes: Uint8Array): Uint8Array => toBinary(schema, fromBinary(schema, bytes)),
  };
}

function withoutNulls(json: object): object {
  return JSON.parse(JSON.stringify(json, (_, value: unknown) => (value === null ? undefined : value)));
}

const messages = files
  .filter((file) => !file.name.startsWith("google/protobuf/"))
  .flatMap(messagesOf)
  .filter(({ descriptor }) => !descriptor.options?.mapEntry);

/** Its JSON form needs the message inside, which nobody of us knows. */
const holdsAny = ({ descriptor }: PlacedMessage) =>
  (descriptor.field ?? []).some((field) => field.typeName === ".google.protobuf.Any");

describe("generated codecs", () => {
  for (const message of messages) {
    it(`carry every field of ${message.fullName}`, async () => {
      const codec = await codecOf(message);
      const reference = reflect(message.fullName);
      for (const value of [codec.create(), ...filler.fill(message)]) {
        const bytes = codec.encode(value).finish();
        assert.deepEqual(codec.decode(bytes), value);
        assert.deepEqual(codec.decode(reference.again(bytes)), value);
        if (holdsAny(message)) continue;
        const json = toProtoJson(message.fullName, value);
        assert.deepEqual(withoutNulls(json), withoutNulls(reference.json(bytes) as object));
        assert.deepEqual(codec.fromPartial(fromProtoJson(message.fullName, json)), value);
      }
    });
  }
});
