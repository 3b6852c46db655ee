import { keyManagerContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

keyManagerContract({ side: "agent", load: () => loadPlugin(plugin) });
