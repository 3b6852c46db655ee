import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** The part of protobuf's descriptor.proto that we read, as its JSON form spells it. */
export interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: "LABEL_OPTIONAL" | "LABEL_REPEATED";
  readonly type: `TYPE_${string}`;
  readonly typeName?: string;
  readonly oneofIndex?: number;
  readonly proto3Optional?: boolean;
  readonly options?: { readonly jstype?: "JS_STRING" };
}

export interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number?: number }[];
}

export interface MessageDescriptor {
  readonly name: string;
  readonly field?: readonly FieldDescriptor[];
  readonly nestedType?: readonly MessageDescriptor[];
  readonly enumType?: readonly EnumDescriptor[];
  readonly oneofDecl?: readonly { readonly name: string }[];
  readonly reservedRange?: readonly { readonly start: number; readonly end: number }[];
  readonly options?: { readonly mapEntry?: boolean };
}

export interface ServiceDescriptor {
  readonly name: string;
  readonly method?: readonly {
    readonly name: string;
    readonly inputType: string;
    readonly outputType: string;
    readonly clientStreaming?: boolean;
    readonly serverStreaming?: boolean;
  }[];
}

export interface FileDescriptor {
  /** Path below `proto/`. */
  readonly name: string;
  readonly package?: string;
  readonly messageType?: readonly MessageDescriptor[];
  readonly enumType?: readonly EnumDescriptor[];
  readonly service?: readonly ServiceDescriptor[];
}

/** A message with its place: nested ones carry `Outer.Inner` as `path`. */
export interface PlacedMessage {
  readonly file: FileDescriptor;
  readonly fullName: string;
  readonly path: string;
  readonly descriptor: MessageDescriptor;
}

/** Runs the pinned buf below `proto/` and returns what it printed. */
export function buf(args: readonly string[]): Buffer {
  const result = spawnSync(join(root, "node_modules", ".bin", "buf"), args, {
    cwd: join(root, "proto"),
    maxBuffer: 64 << 20,
  });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`buf ${args[0]}: ${result.stderr.toString()}`);
  return result.stdout;
}

/** A binary `google.protobuf.FileDescriptorSet` of our .proto files and what they import. */
export function bufImage(): Buffer {
  return buf(["build", "--as-file-descriptor-set", "-o", "-"]);
}

/** Descriptors of our .proto files, and of the well-known ones they import, sorted by path. */
export function readDescriptors(): readonly FileDescriptor[] {
  const json = buf(["build", "--as-file-descriptor-set", "-o", "-#format=json"]).toString();
  const { file } = JSON.parse(json) as { file: FileDescriptor[] };
  return file.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** All messages of a file, nested ones after their owner, map entries included. */
export function messagesOf(file: FileDescriptor): PlacedMessage[] {
  const prefix = file.package === undefined ? "" : `${file.package}.`;
  const walk = (descriptor: MessageDescriptor, outer: string): PlacedMessage[] => {
    const path = outer + descriptor.name;
    const here = { file, fullName: prefix + path, path, descriptor };
    return [here, ...(descriptor.nestedType ?? []).flatMap((nested) => walk(nested, `${path}.`))];
  };
  return (file.messageType ?? []).flatMap((message) => walk(message, ""));
}

/** All enums of a file by full name, nested ones included. */
export function enumsOf(file: FileDescriptor): ReadonlyMap<string, EnumDescriptor> {
  const prefix = file.package === undefined ? "" : `${file.package}.`;
  const top = (file.enumType ?? []).map((type) => [prefix + type.name, type] as const);
  const nested = messagesOf(file).flatMap(({ fullName, descriptor }) =>
    (descriptor.enumType ?? []).map((type) => [`${fullName}.${type.name}`, type] as const),
  );
  return new Map([...top, ...nested]);
}
