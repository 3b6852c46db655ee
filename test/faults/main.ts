import { faulty } from "./plugin.ts";

await faulty(process.argv[2] ?? "none");
