import { Code, codeName, StatusError } from "@finial/sdk";
import { parseHcl } from "@finial/sdk/hcl";
import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import { Flaw } from "./flaw.ts";
import { kinds, kindsOffered } from "./kind.ts";
import { callMethod, describeOutcome, isUnchosen } from "./method-call.ts";

/** What the plugin offers, and how it takes its configuration. */
export function serviceChecks(bench: Bench): readonly Check[] {
  return [
    {
      name: "init",
      title: "answers Init with the services it offers",
      isNecessary: true,
      run: () => requireServices(bench),
    },
    {
      name: "type",
      title: "offers the service of its plugin type",
      isNecessary: true,
      run: () => requireKind(bench),
    },
    {
      name: "early",
      title: "answers calls that come before Configure",
      run: () => requireEarlyAnswers(bench),
    },
    { name: "validate", title: "finds its configuration valid", run: () => requireValid(bench) },
    {
      name: "configure",
      title: "takes its configuration",
      isNecessary: true,
      run: () => requireConfigured(bench),
    },
    {
      name: "reconfigure",
      title: "takes it again while it works, and keeps it when another is refused",
      run: () => requireReconfigured(bench),
    },
  ];
}

async function requireServices(bench: Bench): Promise<void> {
  const session = await bench.session();
  // Hosts differ in what they offer: a plugin passes over what it does not know.
  const services = await session.init(["finial.hostservice.unheard.v1.Unheard"]);
  if (services.size > 0) return;
  throw new Flaw({
    reason: "NO_SERVICES",
    what: "Init names no services.",
    why: "The host uses what the answer names, and nothing else.",
    mend: "Put the full names of the plugin type's service and of the Config service into plugin_service_names.",
  });
}

async function requireKind(bench: Bench): Promise<void> {
  const { services } = await bench.initialized();
  const { lab } = bench;
  const offered = kindsOffered(services);
  if (lab.kind !== undefined) {
    const { side, name, definition } = lab.kind;
    if (services.has(definition.fullName)) return;
    const others = offered.map((kind) => `the ${kind.side}'s ${kind.name}`).join(" and ");
    throw new Flaw({
      reason: "SERVICE_MISSING",
      what: `a ${name} of the ${side} offers ${definition.fullName}; Init names ${[...services].join(", ")}.`,
      why: 'The host binds that service and no other: it ends with "no supported plugin interface found".',
      mend:
        others === ""
          ? "Name the service in Init's answer, letter for letter."
          : `It is ${others}: say so with -side and -type, or serve the other service.`,
    });
  }
  const [kind, ...more] = offered;
  if (kind === undefined)
    throw new Flaw({
      reason: "SERVICE_UNKNOWN",
      what: `none of the services that Init names is that of a plugin type: ${[...services].join(", ")}.`,
      why: 'The host ends with "no supported plugin interface found".',
      mend: `Offer one of ${kinds.map(({ definition }) => definition.fullName).join(", ")}.`,
    });
  if (more.length > 0)
    throw new Flaw({
      reason: "SERVICES_OF_MANY",
      what: `Init names the services of ${offered.map(({ side, name }) => `${side} ${name}`).join(", ")}.`,
      why: "A plugin is of one type; which one is meant cannot be told.",
      mend: "Say which with -side and -type; better, write a plugin for each.",
    });
  lab.kind = kind;
}

async function requireEarlyAnswers(bench: Bench): Promise<void> {
  const session = await bench.withConfig();
  const { kind } = bench.lab;
  if (kind === undefined) return;
  for (const method of Object.values(kind.definition.methods)) {
    const outcome = await callMethod(session, kind.definition, method, Buffer.alloc(0));
    if (!isUnchosen(outcome)) continue;
    throw new Flaw({
      reason: "UNCHOSEN_STATUS",
      what: `before Configure, ${method.name} fails with ${describeOutcome(outcome)}.`,
      why: "Unknown is what gRPC makes of an error that nobody gave a code: the host cannot tell a plugin that is not ready from one that is broken.",
      mend: 'Fail with FailedPrecondition and "not configured" until there is a configuration.',
    });
  }
}

async function requireValid(bench: Bench): Promise<void> {
  const session = await bench.withConfig();
  const text = bench.lab.config();
  requireHcl(text);
  const answer = await session.validate(text).catch((error: unknown) => {
    if (!(error instanceof StatusError) || error.code !== Code.Unimplemented) throw error;
    return undefined;
  });
  if (answer === undefined)
    throw new Flaw({
      reason: "NO_VALIDATE",
      what: "the plugin does not offer Validate.",
      why: '"finial-server validate" cannot tell a wrong configuration before a restart does.',
      mend: "Answer Validate with the same code that Configure reads its text with, and change nothing.",
    });
  if (answer.valid) return;
  throw new Flaw({
    reason: "INVALID",
    what: `the plugin finds its configuration wrong: ${answer.notes.join("; ") || "it says not why"}.`,
    why: "A daemon that is asked to validate this configuration refuses it.",
    mend: bench.lab.hasConfig
      ? "Correct the file given by -config, or what Validate makes of it."
      : giveConfig,
  });
}

const giveConfig =
  "If the plugin needs a configuration, give one: -config FILE, the text that stands in plugin_data { }.";

function requireHcl(text: string): void {
  try {
    parseHcl(text, { filename: "-config" });
  } catch (error) {
    throw new Flaw({
      reason: "HCL",
      what: `the configuration is no HCL: ${StatusError.from(error).message}.`,
      why: "A daemon would not start with it.",
      mend: "The file holds what stands between the braces of plugin_data.",
    });
  }
}

async function requireConfigured(bench: Bench): Promise<void> {
  await bench.withConfig();
  try {
    await bench.configured();
  } catch (error) {
    if (error instanceof Flaw) throw error;
    throw new Flaw({
      reason: "CONFIGURE",
      what: `Configure fails: ${describeOutcome(StatusError.from(error))}.`,
      why: "The daemon does not start with a plugin that refuses its configuration.",
      mend: bench.lab.hasConfig
        ? "Correct the file given by -config, or what Configure makes of it."
        : giveConfig,
    });
  }
}

async function requireReconfigured(bench: Bench): Promise<void> {
  await bench.withConfig();
  const session = await bench.configured();
  const { kind } = bench.lab;
  const probe = async (): Promise<string> => {
    const [method] = kind === undefined ? [] : Object.values(kind.definition.methods);
    if (kind === undefined || method === undefined) return "";
    const outcome = await callMethod(session, kind.definition, method, Buffer.alloc(0));
    return typeof outcome === "string" ? outcome : codeName(outcome.code);
  };
  const before = await probe();
  await session.configure();
  await session.configure("{{{").then(
    () => undefined,
    (error: unknown) => {
      // The contract says which refusal it has to be.
      if (error instanceof Flaw) throw error;
    },
  );
  const after = await probe();
  if (after === before) return;
  throw new Flaw({
    reason: "CONFIGURATION_LOST",
    what: `after a configuration that was refused, a call that gave ${before} gives ${after}.`,
    why: "A host reloads while it serves: a typing error of the operator must not stop what works.",
    mend: "Read the whole text first, and replace the old configuration only when all of it is good.",
  });
}
