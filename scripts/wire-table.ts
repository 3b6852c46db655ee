import { dirname } from "node:path";
import {
  enumsOf,
  type FieldDescriptor,
  type FileDescriptor,
  type MessageDescriptor,
  messagesOf,
  type ServiceDescriptor,
} from "./descriptors.ts";

function typeOf(field: FieldDescriptor): string {
  return field.typeName?.slice(1) ?? field.type.slice("TYPE_".length).toLowerCase();
}

function presenceOf(message: MessageDescriptor, field: FieldDescriptor): string {
  if (field.label === "LABEL_REPEATED") return "repeated ";
  if (field.proto3Optional) return "optional ";
  if (field.oneofIndex === undefined) return "";
  return `oneof ${message.oneofDecl?.[field.oneofIndex]?.name} `;
}

function messageLines(fullName: string, message: MessageDescriptor): string[] {
  const fields = (message.field ?? []).toSorted((a, b) => a.number - b.number);
  return [
    `message ${fullName}${message.options?.mapEntry ? " (map entry)" : ""}`,
    ...fields.map((f) => `  ${f.number} ${f.name}: ${presenceOf(message, f)}${typeOf(f)}`),
    ...(message.reservedRange ?? []).map((range) => `  ${range.start} to ${range.end - 1} reserved`),
  ];
}

function serviceLines(prefix: string, service: ServiceDescriptor): string[] {
  const side = (streaming: boolean | undefined, type: string) =>
    `${streaming ? "stream " : ""}${type.slice(1)}`;
  return [
    `service ${prefix}${service.name}`,
    ...(service.method ?? []).map(
      (m) => `  ${m.name}(${side(m.clientStreaming, m.inputType)}): ${side(m.serverStreaming, m.outputType)}`,
    ),
  ];
}

function fileLines(file: FileDescriptor): string[] {
  const prefix = file.package === undefined ? "" : `${file.package}.`;
  return [
    ...(file.service ?? []).flatMap((service) => serviceLines(prefix, service)),
    ...messagesOf(file).flatMap(({ fullName, descriptor }) => messageLines(fullName, descriptor)),
    ...[...enumsOf(file)].flatMap(([name, { value }]) => [
      `enum ${name}`,
      ...value.map((item) => `  ${item.number ?? 0} ${item.name}`),
    ]),
  ];
}

/**
 * Everything that is on the wire, as text: one table a protobuf package (a folder, for files without one).
 * The well-known types come with the compiler and are not ours to pin.
 *
 * @returns text by file name, such as `spire.api.types.txt`
 */
export function wireTables(files: readonly FileDescriptor[]): ReadonlyMap<string, string> {
  const tables = new Map<string, string>();
  for (const file of files.filter((f) => !f.name.startsWith("google/protobuf/"))) {
    const name = `${file.package ?? dirname(file.name).replaceAll("/", ".")}.txt`;
    tables.set(name, `${tables.get(name) ?? ""}${fileLines(file).join("\n")}\n`);
  }
  return tables;
}
