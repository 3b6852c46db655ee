import { keyManagerContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

keyManagerContract({ side: "server", load: () => loadPlugin(plugin) });
