// What the compiler must object to: declarations that say nothing would let all of this pass.
import { definePlugin, StatusError } from "@finial/sdk";
import { WorkloadAttestor } from "@finial/sdk/agent";
import { parsePem } from "@finial/sdk/crypto";
import { string } from "@finial/sdk/hcl";
import { KeyManager } from "@finial/sdk/server";
import { parseSpiffeId, type SpiffeId } from "@finial/sdk/spiffe";
import { loadPlugin } from "@finial/sdk/testing";

// @ts-expect-error a code is a number
export const error = new StatusError("Internal", "REASON", "sentence");
export const attestor = definePlugin({
  type: WorkloadAttestor,
  name: "x",
  // @ts-expect-error selector values are text
  open: () => ({ service: { attest: () => ({ selectorValues: [1] }) } }),
});
export const keyManager = definePlugin({
  type: KeyManager,
  name: "x",
  // @ts-expect-error there is no such call
  open: () => ({ service: { sing: () => ({}) } }),
});
// @ts-expect-error a key of text has a default of text
export const key = string({ default: 1 });
// @ts-expect-error text is no SPIFFE ID
export const id: SpiffeId = "spiffe://example.org/x";
// @ts-expect-error a path is text
export const path: number = parseSpiffeId("spiffe://example.org/x").path;
// @ts-expect-error PEM is text
export const blocks = parsePem(1);
// @ts-expect-error a plugin has a type
export const loaded = loadPlugin({ name: "x" });
