import type { JsonValue } from "./fields.ts";

const wrappers: { readonly [type: string]: string } = {
  "google.protobuf.DoubleValue": "double",
  "google.protobuf.FloatValue": "float",
  "google.protobuf.Int64Value": "int64",
  "google.protobuf.UInt64Value": "uint64",
  "google.protobuf.Int32Value": "int32",
  "google.protobuf.UInt32Value": "uint32",
  "google.protobuf.BoolValue": "bool",
  "google.protobuf.StringValue": "string",
  "google.protobuf.BytesValue": "bytes",
};

/** Plain data of any shape: the codecs hand these over as JavaScript values, which are JSON already. */
const plainData: ReadonlySet<string> = new Set([
  "google.protobuf.Struct",
  "google.protobuf.Value",
  "google.protobuf.ListValue",
]);

/** The scalar kind inside a wrapper type such as `google.protobuf.StringValue`, which JSON does not show. */
export function wrappedKind(type: string): string | undefined {
  return wrappers[type];
}

/** Whether a type's value is JSON as it stands. */
export function isPlainData(type: string): boolean {
  return plainData.has(type);
}

/** An `Any` with its bytes as they are: what is inside may be a message we do not know. */
export function anyToJson(value: unknown): JsonValue {
  const { typeUrl, value: bytes } = value as { typeUrl: string; value: Buffer };
  return { "@type": typeUrl, value: bytes.toString("base64") };
}
