import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { GRPCStdioDefinition } from "@finial/proto/goplugin/stdio";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { MetricsDefinition } from "@finial/proto/plugin/hostservice/common/metrics/v1/metrics";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { credentials } from "@grpc/grpc-js";
import { KeyExportDefinition, WorkloadAttestor } from "../agent.ts";
import { decodeConfig, strings } from "../hcl/index.ts";
import { type Channel, createClient, openChannel } from "../rpc/client.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { captureLog } from "../testing/capture-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { loadPlugin } from "../testing/load-plugin.ts";
import { definePlugin, extend, type Plugin, type PluginHost } from "./define-plugin.ts";
import { PluginServer } from "./plugin-server.ts";
import { makePluginSocket } from "./socket.ts";

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail("it succeeded"),
    (error: unknown) => {
      assert.ok(error instanceof StatusError, String(error));
      return [error.code, error.message];
    },
  );
}

const attestor = WorkloadAttestor.definition;

/** An attestor of fixed selectors. */
function echo(changes: { onClose?: () => void; onHost?: (host: PluginHost) => void } = {}): Plugin {
  return definePlugin({
    type: WorkloadAttestor,
    name: "echo",
    parseConfig: (text, core) => ({
      selectors: decodeConfig(text, { selectors: strings() }).selectors,
      trustDomain: core.trustDomain.name,
    }),
    open: (host) => {
      changes.onHost?.(host);
      let current: { selectors: readonly string[]; trustDomain: string } | undefined;
      return {
        configure: (config) => {
          if (config.selectors.includes("refused"))
            throw new StatusError(Code.Internal, "REFUSED", "cannot be done");
          current = config;
        },
        close: () => changes.onClose?.(),
        service: {
          attest: ({ pid }) => ({
            selectorValues: [`pid:${pid}`, `td:${current?.trustDomain}`, ...(current?.selectors ?? [])],
          }),
        },
      };
    },
  });
}

describe("definePlugin()", () => {
  it("serves the type's service, configured", async () => {
    await using plugin = await loadPlugin(echo(), {
      config: 'selectors = ["a"]',
      trustDomain: "other.example.org",
    });
    assert.deepEqual([plugin.name, plugin.type], ["echo", "WorkloadAttestor"]);
    assert.deepEqual(
      [...plugin.services],
      ["spire.plugin.agent.workloadattestor.v1.WorkloadAttestor", "spire.service.common.config.v1.Config"],
    );
    const { selectorValues } = await plugin.client(attestor).attest({ pid: 7 });
    assert.deepEqual(selectorValues, ["pid:7", "td:other.example.org", "a"]);
  });

  it("answers before it is configured that it is not", async () => {
    await using plugin = await loadPlugin(echo());
    const refusal = [Code.FailedPrecondition, "not configured"];
    assert.deepEqual(await failureOf(plugin.client(attestor).attest({ pid: 7 })), refusal);
    await plugin.configure("");
    assert.deepEqual((await plugin.client(attestor).attest({ pid: 7 })).selectorValues, [
      "pid:7",
      "td:example.org",
    ]);
  });

  it("keeps the old configuration when a new one is refused, be it in parsing or in applying", async () => {
    await using plugin = await loadPlugin(echo(), { config: 'selectors = ["old"]' });
    assert.deepEqual(await failureOf(plugin.configure('selectrs = ["new"]')), [
      Code.InvalidArgument,
      'line 1, column 1: unknown key "selectrs"; did you mean "selectors"?',
    ]);
    assert.deepEqual(await failureOf(plugin.configure('selectors = ["refused"]')), [
      Code.Internal,
      "cannot be done",
    ]);
    const { selectorValues } = await plugin.client(attestor).attest({ pid: 7 });
    assert.deepEqual(selectorValues, ["pid:7", "td:example.org", "old"]);
    await plugin.configure('selectors = ["new"]');
    assert.ok((await plugin.client(attestor).attest({ pid: 7 })).selectorValues.includes("new"));
  });

  it("stays not configured when its first configuration is refused", async () => {
    await using plugin = await loadPlugin(echo());
    await failureOf(plugin.configure('selectors = ["refused"]'));
    assert.deepEqual(await failureOf(plugin.client(attestor).attest({})), [
      Code.FailedPrecondition,
      "not configured",
    ]);
  });

  it("validates without applying, a note for each problem", async () => {
    await using plugin = await loadPlugin(echo(), { config: 'selectors = ["old"]' });
    assert.deepEqual(await plugin.validate('selectors = ["new"]'), []);
    assert.deepEqual(await plugin.validate("a = 1\nb = 2"), [
      'line 1, column 1: unknown key "a"; known are selectors',
      'line 2, column 1: unknown key "b"; known are selectors',
    ]);
    const config = createClient(ConfigDefinition, plugin.channel);
    const core = { coreConfiguration: { trustDomain: "example.org" } };
    assert.equal((await config.validate({ ...core, hclConfiguration: "" })).valid, true);
    assert.equal((await config.validate({ ...core, hclConfiguration: "a" })).valid, false);
    assert.ok((await plugin.client(attestor).attest({})).selectorValues.includes("old"));
  });

  it("asks for a trust domain, in the words of SPIRE's own plugins", async () => {
    await using plugin = await loadPlugin(echo());
    const config = createClient(ConfigDefinition, plugin.channel);
    const cases: [object, string][] = [
      [{}, "server core configuration is required"],
      [{ coreConfiguration: {} }, "server core configuration must contain trust_domain"],
      [
        { coreConfiguration: { trustDomain: "No Domain" } },
        "server core configuration trust_domain is malformed: trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
      ],
    ];
    for (const [request, message] of cases) {
      assert.deepEqual(await failureOf(config.configure(request)), [Code.InvalidArgument, message]);
      assert.deepEqual(await config.validate(request), { valid: false, notes: [message] });
    }
  });

  it("needs no configuration when it takes none", async () => {
    const plain = definePlugin({
      type: WorkloadAttestor,
      name: "plain",
      open: () => ({ service: { attest: () => ({ selectorValues: ["a"] }) } }),
    });
    await using plugin = await loadPlugin(plain);
    assert.deepEqual([...plugin.services], ["spire.plugin.agent.workloadattestor.v1.WorkloadAttestor"]);
    assert.deepEqual(await plugin.client(attestor).attest({}), { selectorValues: ["a"] });
    assert.equal(((await failureOf(plugin.configure(""))) as unknown[])[0], Code.Unimplemented);
    assert.deepEqual(await failureOf(plugin.client(attestor).attestReference({})), [
      Code.Unimplemented,
      "method attestReference not implemented",
    ]);
  });

  it("offers extensions beside its type's service, and those it names only", async () => {
    const extended = (extensions: "named" | "forgotten"): Plugin =>
      definePlugin({
        type: WorkloadAttestor,
        name: "extended",
        extensions: [KeyExportDefinition],
        open: () => ({
          service: {},
          extensions:
            extensions === "named"
              ? [
                  extend(KeyExportDefinition, {
                    exportKey: ({ keyId }) => ({ privateKey: Buffer.from(keyId) }),
                  }),
                ]
              : [],
        }),
      });
    await using plugin = await loadPlugin(extended("named"));
    assert.ok(plugin.services.has(KeyExportDefinition.fullName));
    const { privateKey } = await plugin.client(KeyExportDefinition).exportKey({ keyId: "a" });
    assert.equal(privateKey.toString(), "a");
    assert.deepEqual(await failureOf(loadPlugin(extended("forgotten"))), [
      Code.Unknown,
      "extended names the extension finial.plugin.agent.keymanager.v1.KeyExport and does not open it",
    ]);
  });

  it("reaches the host's services, and no others", async () => {
    const counted: string[] = [];
    const metrics = extend(MetricsDefinition, {
      incrCounter: ({ key }) => {
        counted.push(key.join("."));
        return {};
      },
    });
    const hosts: PluginHost[] = [];
    const plugin = echo({ onHost: (host) => void hosts.push(host) });
    const clock = new FakeClock();
    await using _ = await loadPlugin(plugin, { hostServices: [metrics], clock, logger: captureLog() });
    const [host] = hosts;
    assert.ok(host);
    await host.service(MetricsDefinition).incrCounter({ key: ["a", "b"] });
    assert.deepEqual(counted, ["a.b"]);
    assert.equal(host.clock, clock);
    assert.throws(() => host.service(HealthDefinition), {
      code: Code.FailedPrecondition,
      message: "the host does not offer grpc.health.v1.Health",
    });
  });

  it("closes once, when the host says goodbye", async () => {
    let closed = 0;
    {
      await using plugin = await loadPlugin(echo({ onClose: () => void closed++ }), { config: "" });
      const init = createClient(InitDefinition, plugin.channel);
      assert.equal(closed, 0);
      await init.deinit({});
      await init.deinit({});
      assert.equal(closed, 1);
    }
    assert.equal(closed, 1);
  });
});

/** A plugin's server by itself, as a host finds it before Init. */
async function startServer(plugin: Plugin): Promise<{
  readonly channel: Channel;
  readonly events: string[];
  [Symbol.asyncDispose](): Promise<void>;
}> {
  await using stack = new AsyncDisposableStack();
  const socket = stack.use(makePluginSocket(tmpdir()));
  const events: string[] = [];
  stack.use(
    await PluginServer.start(plugin, {
      socketPath: socket.path,
      logger: captureLog(),
      clock: new FakeClock(),
      onShutdown: () => void events.push("shutdown"),
      onHostGone: () => void events.push("gone"),
    }),
  );
  const channel = stack.use(openChannel(`unix:${socket.path}`, credentials.createInsecure()));
  const owned = stack.move();
  return { channel, events, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe("PluginServer", () => {
  it("is healthy by go-plugin's name", async () => {
    await using server = await startServer(echo());
    const health = createClient(HealthDefinition, server.channel);
    assert.deepEqual(await health.check({ service: "plugin" }), { status: 1 });
    assert.deepEqual(await failureOf(health.check({ service: "other" })), [Code.NotFound, "unknown service"]);
    for await (const { status } of health.watch({ service: "plugin" })) {
      assert.equal(status, 1);
      break;
    }
  });

  it("answers before Init that it is not initialized, and to a second Init that it is", async () => {
    await using server = await startServer(echo());
    const init = createClient(InitDefinition, server.channel);
    const config = createClient(ConfigDefinition, server.channel);
    const core = { coreConfiguration: { trustDomain: "example.org" } };
    const refusal = [Code.FailedPrecondition, "not initialized"];
    assert.deepEqual(await failureOf(createClient(attestor, server.channel).attest({})), refusal);
    assert.deepEqual(await failureOf(config.configure(core)), refusal);
    await init.init({});
    assert.deepEqual(await failureOf(init.init({})), [Code.FailedPrecondition, "already initialized"]);
    await config.configure(core);
  });

  it("tells of Shutdown, and of the end of the broker's stream", async () => {
    await using server = await startServer(echo());
    const broker = createClient(GRPCBrokerDefinition, server.channel).startStream();
    await broker.send({ serviceId: 5, network: "unix", address: "/nowhere" });
    await createClient(GRPCControllerDefinition, server.channel).shutdown({});
    assert.deepEqual(server.events, ["shutdown"]);
    broker.end();
    for await (const _ of broker) assert.fail("a plugin has nothing to announce");
    assert.deepEqual(server.events, ["shutdown", "gone"]);
  });

  it("keeps the stdio stream open, and silent", async () => {
    await using server = await startServer(echo());
    const abort = new AbortController();
    const stdio = createClient(GRPCStdioDefinition, server.channel);
    const read = (async () => {
      for await (const _ of stdio.streamStdio({}, { signal: abort.signal })) assert.fail("it spoke");
    })();
    await createClient(HealthDefinition, server.channel).check({});
    abort.abort();
    assert.deepEqual(((await failureOf(read)) as unknown[])[0], Code.Cancelled);
  });
});
