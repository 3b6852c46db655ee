import type { MethodDefinition } from "@finial/sdk/internal";
import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import { Flaw, NotHere } from "./flaw.ts";
import { callMethod, describeOutcome, isUnchosen, leaveCall } from "./method-call.ts";
import type { Session } from "./session.ts";

/** Four times what gRPC takes by default. */
const hugeBytes = 16 << 20;
const abandonedCalls = 100;
const atOnce = 30;

/** What callers do to a plugin by mistake or by malice: it answers, and goes on. */
export function robustnessChecks(bench: Bench): readonly Check[] {
  return [
    {
      name: "empty",
      title: "answers requests that are empty",
      run: () => eachMethod(bench, Buffer.alloc(0), requireChosen),
    },
    {
      name: "garbage",
      title: "answers requests that are no messages",
      run: () => eachMethod(bench, Buffer.from("ffffffffff07ff", "hex"), () => undefined),
    },
    {
      name: "huge",
      title: `answers a request of ${hugeBytes >> 20} MiB`,
      run: () => eachMethod(bench, hugeRequest(), () => undefined),
    },
    {
      name: "abandoned",
      title: `goes on after ${abandonedCalls} calls that were cancelled`,
      run: () => requireGoingOn(bench),
    },
    { name: "many", title: `answers ${atOnce} calls at once`, run: () => requireManyAnswers(bench) },
    {
      name: "unknown-method",
      title: "says Unimplemented to a method that it does not know",
      run: () => requireUnimplemented(bench),
    },
  ];
}

/** A field 1 of many bytes: a string or bytes in most requests. */
function hugeRequest(): Buffer {
  const head = [0x0a];
  for (let rest = hugeBytes; rest > 0; rest >>>= 7) head.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  return Buffer.concat([Buffer.from(head), Buffer.alloc(hugeBytes, "a")]);
}

async function eachMethod(
  bench: Bench,
  request: Buffer,
  look: (method: MethodDefinition, outcome: Awaited<ReturnType<typeof callMethod>>) => void,
): Promise<void> {
  const { kind } = bench.lab;
  if (kind === undefined) throw new NotHere("its type is not known");
  const session = await bench.configured();
  for (const method of Object.values(kind.definition.methods)) {
    const outcome = await callMethod(session, kind.definition, method, request);
    await requireAlive(session, method.name);
    look(method, outcome);
  }
}

/** A process may fall a moment after its answer. */
async function requireAlive(session: Session, name: string): Promise<void> {
  await session.probe.endsWithin(20);
  if (session.probe.hasEnded) await session.requireAlive(name, "");
}

function requireChosen(method: MethodDefinition, outcome: Awaited<ReturnType<typeof callMethod>>): void {
  if (!isUnchosen(outcome)) return;
  throw new Flaw({
    reason: "UNCHOSEN_STATUS",
    what: `an empty request to ${method.name} fails with ${describeOutcome(outcome)}.`,
    why: "Unknown is what gRPC makes of an error that nobody gave a code: the host cannot tell a wrong request from a broken plugin, nor whether to try again.",
    mend: "Look at the request first, and fail with InvalidArgument and a sentence.",
  });
}

async function requireGoingOn(bench: Bench): Promise<void> {
  const { kind } = bench.lab;
  if (kind === undefined) throw new NotHere("its type is not known");
  const session = await bench.configured();
  const methods = Object.values(kind.definition.methods);
  for (let call = 0; call < abandonedCalls; call++) {
    const method = methods[call % methods.length];
    if (method !== undefined) leaveCall(session, kind.definition, method);
  }
  const [first] = methods;
  if (first !== undefined) await callMethod(session, kind.definition, first, Buffer.alloc(0));
  await requireAlive(session, "a call that was cancelled");
}

async function requireManyAnswers(bench: Bench): Promise<void> {
  const { kind } = bench.lab;
  if (kind === undefined) throw new NotHere("its type is not known");
  const session = await bench.configured();
  const { definition } = kind;
  const [first] = Object.values(definition.methods);
  if (first === undefined) return;
  await Promise.all(
    Array.from({ length: atOnce }, () => callMethod(session, definition, first, Buffer.alloc(0))),
  );
  await requireAlive(session, `${atOnce} calls at once`);
}

async function requireUnimplemented(bench: Bench): Promise<void> {
  const { kind } = bench.lab;
  if (kind === undefined) throw new NotHere("its type is not known");
  const session = await bench.configured();
  const [method] = Object.values(kind.definition.methods);
  if (method === undefined) return;
  const unheard = { ...method, name: "Unheard", requestStream: false, responseStream: false };
  const outcome = await callMethod(session, kind.definition, unheard, Buffer.alloc(0));
  if (typeof outcome !== "string" && outcome.reason === "UNIMPLEMENTED") return;
  throw new Flaw({
    reason: "METHOD_UNKNOWN",
    what: `a method that no contract has is answered with ${describeOutcome(outcome)}.`,
    why: "Contracts grow: a newer host asks for a new method, and takes Unimplemented for the sign that it has to do without.",
    mend: "Leave methods that are not known to the gRPC library, which answers Unimplemented.",
  });
}
