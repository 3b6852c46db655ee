import { chmodSync } from "node:fs";
import { defineConfig } from "rolldown";

const file = "dist/plugin.mjs";

// One file: it starts quickly, and plugin_checksum covers all of the plugin's code.
export default defineConfig({
  input: "src/main.ts",
  platform: "node",
  output: { file, format: "esm", codeSplitting: false, banner: "#!/usr/bin/env node" },
  plugins: [{ name: "executable", writeBundle: () => chmodSync(file, 0o755) }],
});
