import { decodeConfig, string } from "../../hcl/index.ts";
import { definePlugin } from "../../plugin/define-plugin.ts";
import { NodeResolver } from "../../server.ts";
import { parseSpiffeId } from "../../spiffe/spiffe-id.ts";
import { loadPlugin } from "../load-plugin.ts";
import { nodeResolverContract } from "./noderesolver.ts";

const plugin = definePlugin({
  type: NodeResolver,
  name: "test",
  parseConfig: (text) => decodeConfig(text, { path: string() }),
  open: () => ({
    service: {
      resolve: ({ agentId }) => ({ selectorValues: [`path:${parseSpiffeId(agentId).path}`, "rack:7"] }),
    },
  }),
});

nodeResolverContract({
  load: () => loadPlugin(plugin, { config: "" }),
  agentId: "spiffe://example.org/spire/agent/x509pop/1",
  selectorValues: ["rack:7"],
});
