import { writeSync } from "node:fs";
import { definePlugin, serve } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/server";

const giantBytes = 1 << 30;
const floodBytes = 100 << 20;
const line = Buffer.from(`${"x".repeat(1023)}\n`);

/** Writes until all is written, however long nobody reads. */
function flood(descriptor: 1 | 2): void {
  for (let written = 0; written < floodBytes; )
    try {
      written += writeSync(descriptor, line);
    } catch (error) {
      // Nobody reads at the moment.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
}

/** A plugin that does what no plugin may do, when an agent's payload tells it to. */
await serve(
  definePlugin({
    type: NodeAttestor,
    name: "unruly",
    open: () => ({
      service: {
        attest: async function* (requests) {
          for await (const { request } of requests) {
            const deed = request?.$case === "payload" ? request.value.toString() : "";
            if (deed === "log flood") flood(2);
            if (deed === "garbage on stdout") flood(1);
            const size = deed === "message of 1 GiB" ? giantBytes : 1;
            yield { response: { $case: "challenge", value: Buffer.alloc(size) } };
          }
        },
      },
    }),
  }),
);
