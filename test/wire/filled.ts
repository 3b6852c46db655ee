import {
  type EnumDescriptor,
  enumsOf,
  type FieldDescriptor,
  type FileDescriptor,
  messagesOf,
  type PlacedMessage,
} from "../../scripts/descriptors.ts";

/** Values of well-known types as the generated codecs take them. */
const wellKnown: { readonly [type: string]: unknown } = {
  ".google.protobuf.Empty": {},
  ".google.protobuf.BoolValue": true,
  ".google.protobuf.StringValue": "wrapped",
  ".google.protobuf.Struct": { text: "a", number: 1.5, list: [null, true], object: { deep: "b" } },
  ".google.protobuf.Any": { typeUrl: "type.googleapis.com/x", value: Buffer.from([1, 2]) },
};

/** Names of properties, spelled here once more so that a mistake in the product's own rule shows. */
function camelCase(name: string): string {
  return name.split("_").reduce((all, word) => all + word.charAt(0).toUpperCase() + word.slice(1));
}

/** Makes messages in which every field has a value that is not its default and differs from its neighbours'. */
export class Filler {
  readonly #messages: ReadonlyMap<string, PlacedMessage>;
  readonly #enums: ReadonlyMap<string, EnumDescriptor>;
  #next = 1;

  constructor(files: readonly FileDescriptor[]) {
    this.#messages = new Map(files.flatMap(messagesOf).map((message) => [`.${message.fullName}`, message]));
    this.#enums = new Map(
      files.flatMap((file) => [...enumsOf(file)].map(([name, type]) => [`.${name}`, type])),
    );
  }

  /** As many values as the message's largest oneof has cases, at least one: together they set every field. */
  fill(message: PlacedMessage): object[] {
    const fields = message.descriptor.field ?? [];
    const cases = fields.filter((field) => isChoice(field)).length;
    return Array.from({ length: Math.max(1, cases) }, (_, turn) => this.#message(message, turn, 0));
  }

  #message({ descriptor }: PlacedMessage, turn: number, depth: number): object {
    const value: { [property: string]: unknown } = {};
    const choices = (descriptor.field ?? []).filter(isChoice);
    const chosen = choices[turn % Math.max(1, choices.length)];
    for (const field of descriptor.field ?? []) {
      const property = camelCase(field.name);
      if (!isChoice(field)) value[property] = this.#field(field, depth);
      else if (field === chosen) {
        const oneof = camelCase(descriptor.oneofDecl?.[field.oneofIndex ?? 0]?.name ?? "");
        value[oneof] = { $case: property, value: this.#single(field, depth) };
      }
    }
    return value;
  }

  #field(field: FieldDescriptor, depth: number): unknown {
    const entry = this.#messages.get(field.typeName ?? "");
    if (entry?.descriptor.options?.mapEntry) {
      const item = entry.descriptor.field?.[1];
      if (item === undefined) throw new TypeError(`${entry.fullName} is no map entry`);
      return { first: this.#single(item, depth), second: this.#single(item, depth) };
    }
    if (field.label !== "LABEL_REPEATED") return this.#single(field, depth);
    return [this.#single(field, depth), this.#single(field, depth)];
  }

  #single(field: FieldDescriptor, depth: number): unknown {
    const number = this.#next++;
    switch (field.type) {
      case "TYPE_STRING":
        return `text ${number} é`;
      case "TYPE_BYTES":
        return Buffer.from([0, 255, number & 255]);
      case "TYPE_BOOL":
        return true;
      case "TYPE_FLOAT":
      case "TYPE_DOUBLE":
        return number + 0.5;
      case "TYPE_ENUM":
        return this.#enums.get(field.typeName ?? "")?.value.at(-1)?.number ?? 0;
      case "TYPE_MESSAGE":
        return this.#nested(field.typeName ?? "", depth);
      case "TYPE_INT64":
        if (field.options?.jstype === "JS_STRING") return `17000000001234567${number % 90}`;
        return -(2 ** 53 - number);
      case "TYPE_UINT64":
        return 2 ** 53 - number;
      default:
        return 2 ** 31 - number;
    }
  }

  #nested(type: string, depth: number): unknown {
    if (type in wellKnown) return wellKnown[type];
    const message = this.#messages.get(type);
    if (message === undefined || depth > 8) throw new TypeError(`cannot fill ${type}`);
    return this.#message(message, 0, depth + 1);
  }
}

function isChoice(field: FieldDescriptor): boolean {
  return field.oneofIndex !== undefined && !field.proto3Optional;
}
