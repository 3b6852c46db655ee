/** npm's own reader of its configuration brings no types. */
declare module "@npmcli/config" {
  export default class Config {
    constructor(options: {
      readonly definitions: object;
      readonly shorthands: object;
      readonly flatten: (layer: object, flat?: object) => object;
      readonly npmPath: string;
      readonly argv: readonly string[];
      readonly env: Record<string, string | undefined>;
      readonly cwd: string;
      readonly execPath: string;
      readonly platform: string;
      readonly warn: boolean;
    });
    load(): Promise<void>;
    readonly flat: Readonly<Record<string, unknown>>;
  }
}

declare module "@npmcli/config/lib/definitions/index.js" {
  const all: {
    readonly definitions: object;
    readonly shorthands: object;
    readonly flatten: (layer: object, flat?: object) => object;
  };
  export default all;
}
