#!/usr/bin/env node
import { statSync } from "node:fs";
import { Code, definePlugin, StatusError, serve } from "@finial/sdk";
import { WorkloadAttestor } from "@finial/sdk/agent";

/** A plugin as an author writes it who has no use for TypeScript: it knows a process by its owner. */
const plugin = definePlugin({
  type: WorkloadAttestor,
  name: "in_javascript",
  open: ({ logger }) => ({
    service: {
      attest: ({ pid }) => {
        logger.debug("Looking at a process", { pid });
        return { selectorValues: [`owner:${ownerOf(pid)}`] };
      },
    },
  }),
});

/** @param {number} pid */
function ownerOf(pid) {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch (cause) {
    throw new StatusError(Code.Internal, "PROCESS_GONE", `cannot look at process ${pid}`, { cause });
  }
}

await serve(plugin);
