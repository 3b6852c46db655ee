import packageJson from "../../package.json" with { type: "json" };

/** Of this package, which all packages share. */
export const version: string = packageJson.version;
