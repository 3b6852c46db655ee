import { AssertionError } from "node:assert";
import { systemClock as clock, codeName, type Logger, StatusError } from "@finial/sdk";
import type { ContractCase } from "@finial/sdk/testing";
import { within } from "../kernel/lifecycle/within.ts";
import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import { type ContractMaterial, contractCases } from "./contract.ts";
import { type Explanation, explanationOf } from "./explanation.ts";
import { Flaw, NotHere } from "./flaw.ts";

/** Some cases make RSA keys of 4096 bits, or many calls. */
const caseFactor = 6;
const maxWords = 400;

/** Every demand that the plugin type's contract makes, known once the type is. */
export function contractChecks(
  bench: Bench,
  material: ContractMaterial & { readonly logger: Logger },
): readonly Check[] {
  const { lab } = bench;
  const { kind } = lab;
  if (kind === undefined) return [];
  const checks = contractCases(kind, lab, material).map((one) => ({
    name: `${kind.name}/${slug(one.title)}`,
    title: one.title,
    run: () => runCase(one, lab.patienceMs),
  }));
  if (kind.side !== "server" || kind.name !== "NodeAttestor" || material.payload !== undefined) return checks;
  const missing = {
    name: "NodeAttestor/agent",
    title: "the server's NodeAttestor contract: lets an agent in",
    run: () =>
      Promise.reject(
        new NotHere(
          "nothing is known that it would let in: give what an agent brings along with -payload FILE, or use the sdk's contract suite",
        ),
      ),
  };
  return [...checks, missing];
}

function slug(title: string): string {
  return title
    .replace(/^[^:]*: /, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/-$/, "");
}

async function runCase(one: ContractCase, patienceMs: number): Promise<void> {
  const limitMs = caseFactor * patienceMs;
  const done = one.run().then(() => true);
  // What it says after the limit is of no interest any more.
  done.catch(() => undefined);
  const { why, mend } = explanationOf(one.title);
  try {
    if ((await within(done, limitMs, { clock })) === true) return;
  } catch (error) {
    if (error instanceof Flaw) throw error;
    const what = `${wordsOf(error)}.`;
    if (isDecodeFailure(error)) throw new Flaw({ reason: "WRONG_FIELD", what, ...ofWrongFields });
    throw new Flaw({ reason: reasonOf(error), what, why, mend });
  }
  throw new Flaw({
    reason: "HANG",
    what: `this was not over within ${limitMs / 1000} s.`,
    why: "Whoever needs the answer waits with it.",
    mend: "Answer, or fail with a status, whatever happens.",
  });
}

const ofWrongFields: Explanation = {
  why: "Hosts read by the contract: what comes in another field, or as another type, is lost without a word.",
  mend: "Generate the messages from the .proto files of the plugin types, and compare numbers and types.",
};

function reasonOf(error: unknown): string {
  return error instanceof AssertionError ? "CONTRACT" : StatusError.from(error).reason;
}

/** What grpc-js says when the codec throws. */
function isDecodeFailure(error: unknown): boolean {
  return StatusError.from(error).message.startsWith("Response message parsing error");
}

function wordsOf(error: unknown): string {
  const words =
    error instanceof AssertionError
      ? error.message
      : `${codeName(StatusError.from(error).code)}: ${StatusError.from(error).message}`;
  const flat = words
    .trim()
    .split(/\s*\n\s*/)
    .join(" ")
    .replace(/[.:]$/, "");
  return flat.length > maxWords ? `${flat.slice(0, maxWords)}…` : flat;
}
