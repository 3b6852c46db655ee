import { serve } from "@finial/sdk";
import { plugin } from "./plugin.ts";

await serve(plugin);
