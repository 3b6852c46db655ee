import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { SignerDefinition } from "@finial/proto/plugin/server/keymanager/v1/signer";
import { Code, definePlugin, extend, type Handlers, StatusError } from "@finial/sdk";
import { openChannel } from "@finial/sdk/internal";
import { DataStore, KeyManager, SignerDefinition as SignerExtension } from "@finial/sdk/server";
import { FakeClock, type LoadedPlugin, loadPlugin } from "@finial/sdk/testing";
import { credentials } from "@grpc/grpc-js";
import { StableLink } from "./stable-link.ts";

type Store = Partial<Handlers<(typeof DataStore)["definition"]>>;
type Signer = Partial<Handlers<typeof SignerExtension>>;

const repeatable = new Set(["FetchBundle", "ListEntries"]);
const soon = (clock: FakeClock): Date => clock.now();

function makeLink() {
  const clock = new FakeClock();
  const faults: string[] = [];
  const link = new StableLink({
    title: 'DataStore "fake"',
    mayRepeat: ({ method }) => repeatable.has(method),
    onFault: (fault) => faults.push(fault),
    maxCallsInFlight: 8,
    clock,
  });
  return { clock, faults, link };
}

function openStore(service: Store): Promise<LoadedPlugin> {
  return loadPlugin(definePlugin({ type: DataStore, name: "fake", open: () => ({ service }) }));
}

/** A plugin in whose hands a call stays until it dies. */
async function openDying(method: keyof Store): Promise<LoadedPlugin & { readonly asked: Promise<void> }> {
  const asked = Promise.withResolvers<void>();
  const hang = (): Promise<never> => {
    asked.resolve();
    return new Promise(() => {});
  };
  return { ...(await openStore({ [method]: hang })), asked: asked.promise };
}

/** What a supervisor does when a process has ended. */
async function dies(plugin: LoadedPlugin, link: StableLink, clock: FakeClock): Promise<void> {
  plugin.channel.close();
  // Its goodbye fails, as its channel is closed already.
  await Promise.resolve(plugin[Symbol.asyncDispose]()).catch(() => undefined);
  link.disconnect("killed by SIGKILL", soon(clock));
}

/** Lets what is under way in sockets come to rest. */
async function rest(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 30));
}

describe("StableLink, while another process takes over", () => {
  it("waits for calls that are on their way, has others wait, and gives them to the new process", async () => {
    const { link } = makeLink();
    const store = link.client(DataStoreDefinition);
    const answer = Promise.withResolvers<{ count: number }>();
    const asked = Promise.withResolvers<void>();
    await using old = await openStore({
      countEntries: () => {
        asked.resolve();
        return answer.promise;
      },
    });
    await using next = await openStore({ countEntries: () => ({ count: 2 }) });
    link.connect(old.channel);
    const before = store.countEntries({});
    await asked.promise;
    const holding = link.hold(5000);
    const during = store.countEntries({});
    await rest();
    answer.resolve({ count: 1 });
    const held = await holding;
    assert.ok(held);
    assert.equal((await before).count, 1);
    link.connect(next.channel);
    assert.equal((await during).count, 2);
    await held.quiet;
    held.resume();
    assert.equal((await store.countEntries({})).count, 2, "there is no way back");
  });

  it("goes on as before when a call does not end, and when the new process is not taken", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    let isStuck = true;
    const asked = Promise.withResolvers<void>();
    await using plugin = await openStore({
      countEntries: () => {
        asked.resolve();
        return isStuck ? new Promise(() => {}) : { count: 1 };
      },
    });
    link.connect(plugin.channel);
    const leave = new AbortController();
    const stuck = assert.rejects(store.countEntries({}, { signal: leave.signal }), { code: Code.Cancelled });
    await asked.promise;
    isStuck = false;
    const holding = link.hold(5000);
    const during = store.countEntries({});
    await clock.advance(5000);
    assert.equal(await holding, undefined);
    assert.equal((await during).count, 1);
    leave.abort();
    await stuck;
    const held = await link.hold(5000);
    const waiting = store.countEntries({});
    await rest();
    held?.resume();
    assert.equal((await waiting).count, 1);
  });

  it("does not go back to a process that has ended meanwhile", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    const plugin = await openStore({ countEntries: () => ({ count: 1 }) });
    link.connect(plugin.channel);
    const held = await link.hold(5000);
    await dies(plugin, link, clock);
    held?.resume();
    const call = store.countEntries({}, { deadlineMs: 30_000 });
    await using next = await openStore({ countEntries: () => ({ count: 2 }) });
    link.connect(next.channel);
    assert.equal((await call).count, 2);
  });

  it("lets what is read be read to its end, and then ends what is left at the old process", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    const goOn = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const old = await openStore({
      listEntries: async function* () {
        yield { entries: [] };
        first.resolve();
        await goOn.promise;
        yield { entries: [] };
      },
    });
    link.connect(old.channel);
    const reading = Array.fromAsync(store.listEntries({}));
    await first.promise;
    const held = await link.hold(5000);
    await using next = await openStore({});
    link.connect(next.channel);
    let quiet = false;
    void held?.quiet.then(() => {
      quiet = true;
    });
    await rest();
    assert.equal(quiet, false);
    goOn.resolve();
    assert.equal((await reading).length, 2);
    await rest();
    assert.equal(quiet, true);
    held?.end("it was upgraded");
    await old[Symbol.asyncDispose]();
    await clock.advance(0);
  });

  it("cannot be held without a process", async () => {
    const { link } = makeLink();
    await assert.rejects(link.hold(5000), { code: Code.Unavailable, reason: "PLUGIN_AWAY" });
  });
});

describe("StableLink, with calls that have one answer", () => {
  it("holds over several processes", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    for (const count of [1, 2]) {
      const plugin = await openStore({ countEntries: () => ({ count }) });
      link.connect(plugin.channel);
      assert.equal((await store.countEntries({})).count, count);
      await dies(plugin, link, clock);
    }
  });

  it("lets calls wait for a process, within their deadlines", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    const early = store.countEntries({}, { deadlineMs: 30_000 });
    link.disconnect("exit status 3", soon(clock));
    const late = assert.rejects(store.countEntries({}, { deadlineMs: 1000 }), {
      code: Code.Unavailable,
      reason: "PLUGIN_AWAY",
      message: "plugin is not running (exit status 3)",
    });
    await clock.advance(0);
    await clock.advance(1000);
    await late;
    await using plugin = await openStore({ countEntries: () => ({ count: 7 }) });
    link.connect(plugin.channel);
    assert.equal((await early).count, 7);
  });

  it("lets calls without a deadline wait until the process has been away for five seconds", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    link.disconnect("exit status 3", soon(clock));
    await clock.advance(4000);
    const call = assert.rejects(store.countEntries({}), { reason: "PLUGIN_AWAY" });
    await clock.advance(0);
    await clock.advance(1000);
    await call;
    // Others need not wait at all.
    await assert.rejects(store.countEntries({}), { reason: "PLUGIN_AWAY" });
  });

  it("lets no call wait for a start that comes too late for it", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    link.disconnect("exit status 3", new Date(clock.now().getTime() + 20_000));
    await assert.rejects(store.countEntries({}, { deadlineMs: 10_000 }), { reason: "PLUGIN_AWAY" });
  });

  it("ends a wait with its signal", async () => {
    const { clock, link } = makeLink();
    link.disconnect("exit status 3", soon(clock));
    const stop = new AbortController();
    const call = link.client(DataStoreDefinition).countEntries({}, { signal: stop.signal });
    stop.abort();
    await assert.rejects(call, { name: "AbortError" });
    assert.equal(clock.sleeping, 0);
  });

  it("asks the next process what was under way, where that does no harm", async () => {
    const { clock, link } = makeLink();
    const first = await openDying("fetchBundle");
    link.connect(first.channel);
    const call = link.client(DataStoreDefinition).fetchBundle({ trustDomain: "example.org" });
    await first.asked;
    await dies(first, link, clock);
    await using second = await openStore({
      fetchBundle: ({ trustDomain }) => ({ bundle: { trustDomain, sequenceNumber: 2 } }),
    });
    link.connect(second.channel);
    assert.deepEqual((await call).bundle?.sequenceNumber, 2);
  });

  it("says what became of the others", async () => {
    const { clock, link } = makeLink();
    const first = await openDying("takeJoinToken");
    link.connect(first.channel);
    const call = link.client(DataStoreDefinition).takeJoinToken({ token: "t" });
    const failed = assert.rejects(call, {
      code: Code.Unavailable,
      reason: "PLUGIN_EXITED",
      message: "plugin ended while it was asked (killed by SIGKILL)",
    });
    await first.asked;
    await dies(first, link, clock);
    await using second = await openStore({ takeJoinToken: () => assert.fail("asked twice") });
    link.connect(second.channel);
    await failed;
  });

  it("asks no more than three processes what ends each of them", async () => {
    const { clock, link } = makeLink();
    let died = 0;
    const call = link.client(DataStoreDefinition).fetchBundle({ trustDomain: "example.org" });
    const failed = assert.rejects(call, { reason: "PLUGIN_EXITED" });
    for (; died < 3; died++) {
      const plugin = await openDying("fetchBundle");
      link.connect(plugin.channel);
      await plugin.asked;
      await dies(plugin, link, clock);
    }
    await failed;
  });

  it("asks again, whatever it is, when the process was gone before the call was sent", async () => {
    const { clock, link } = makeLink();
    const first = await openStore({});
    link.connect(first.channel);
    await first[Symbol.asyncDispose]();
    await rest();
    const call = link.client(DataStoreDefinition).takeJoinToken({ token: "t" });
    await rest();
    link.disconnect("killed by SIGKILL", soon(clock));
    await using second = await openStore({ takeJoinToken: () => ({}) });
    link.connect(second.channel);
    assert.deepEqual(await call, { joinToken: undefined });
  });

  it("leaves a plugin's own refusals as they are", async () => {
    const { clock, link } = makeLink();
    let asked = 0;
    await using plugin = await openStore({
      fetchBundle: () => {
        asked++;
        throw new StatusError(Code.Unavailable, "DATABASE_AWAY", "the database is away");
      },
    });
    link.connect(plugin.channel);
    const failed = assert.rejects(link.client(DataStoreDefinition).fetchBundle({ trustDomain: "x" }), {
      code: Code.Unavailable,
      message: "the database is away",
    });
    await rest();
    // It may still turn out that its process has ended.
    await clock.advance(50);
    await failed;
    assert.equal(asked, 1);
  });

  it("takes a message that is too large for a fault", async () => {
    const { faults, link } = makeLink();
    await using plugin = await openStore({
      listEntries: async function* () {
        yield { nextPageToken: "x".repeat(1000) };
      },
    });
    using channel = openChannel(plugin.channel.grpc.getChannel().getTarget(), credentials.createInsecure(), {
      "grpc.max_receive_message_length": 999,
    });
    link.connect(channel);
    const list = Array.fromAsync(link.client(DataStoreDefinition).listEntries({}));
    await assert.rejects(list, { code: Code.ResourceExhausted });
    assert.equal(faults.length, 1);
    assert.match(
      faults[0] ?? "",
      /^it sent a message that is too large: .* larger than max \(1003 vs 999\)$/,
    );
  });

  it("takes it for no fault of the process that has taken its place", async () => {
    const { clock, faults, link } = makeLink();
    const [asked, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await using plugin = await openStore({
      listEntries: async function* () {
        asked.resolve();
        await go.promise;
        yield { nextPageToken: "x".repeat(1000) };
      },
    });
    await using next = await openStore({});
    using channel = openChannel(plugin.channel.grpc.getChannel().getTarget(), credentials.createInsecure(), {
      "grpc.max_receive_message_length": 999,
    });
    link.connect(channel);
    const list = Array.fromAsync(link.client(DataStoreDefinition).listEntries({}));
    await asked.promise;
    link.disconnect("a restart was asked for", soon(clock));
    link.connect(next.channel);
    go.resolve();
    await assert.rejects(list, { code: Code.ResourceExhausted });
    assert.deepEqual(faults, []);
  });

  it("has no more calls in flight than it may", async () => {
    const { clock, link } = makeLink();
    const store = link.client(DataStoreDefinition);
    link.disconnect("exit status 3", soon(clock));
    const calls = Array.from({ length: 8 }, () => store.countEntries({}, { deadlineMs: 30_000 }));
    await assert.rejects(store.countEntries({}), { code: Code.ResourceExhausted, reason: "PLUGIN_BUSY" });
    await using plugin = await openStore({ countEntries: () => ({ count: 1 }) });
    link.connect(plugin.channel);
    await Promise.all(calls);
    assert.equal((await store.countEntries({})).count, 1);
  });
});

describe("StableLink, with answers that are streams", () => {
  it("opens it again while nothing has come", async () => {
    const { clock, link } = makeLink();
    const first = await openDying("listEntries");
    link.connect(first.channel);
    const list = Array.fromAsync(link.client(DataStoreDefinition).listEntries({}));
    await first.asked;
    await dies(first, link, clock);
    await using second = await openStore({
      listEntries: async function* () {
        yield { nextPageToken: "second" };
      },
    });
    link.connect(second.channel);
    assert.deepEqual(
      (await list).map(({ nextPageToken }) => nextPageToken),
      ["second"],
    );
  });

  it("leaves it to the reader when something has come, and frees its place", async () => {
    const { clock, link } = makeLink();
    const first = await openStore({
      listEntries: async function* () {
        yield { nextPageToken: "first" };
        await new Promise(() => {});
      },
    });
    link.connect(first.channel);
    const list = link.client(DataStoreDefinition).listEntries({})[Symbol.asyncIterator]();
    assert.equal((await list.next()).value.nextPageToken, "first");
    const next = assert.rejects(list.next(), { reason: "PLUGIN_EXITED" });
    await dies(first, link, clock);
    await next;
  });
});

describe("StableLink, with streams in both directions", () => {
  function openSigner(sign: NonNullable<Signer["sign"]>): Promise<LoadedPlugin> {
    return loadPlugin(
      definePlugin({
        type: KeyManager,
        name: "fake",
        extensions: [SignerExtension],
        open: () => ({ service: {}, extensions: [extend(SignerExtension, { sign })] }),
      }),
    );
  }
  const echo: NonNullable<Signer["sign"]> = async function* (requests) {
    for await (const { id } of requests) yield { id, signatures: [] };
  };

  it("keeps what is sent while it waits for a process, in order", async () => {
    const { clock, link } = makeLink();
    link.disconnect("exit status 3", soon(clock));
    const stream = link.client(SignerDefinition).sign();
    for (const id of [1, 2, 3]) void stream.send({ id });
    stream.end();
    await using plugin = await openSigner(echo);
    link.connect(plugin.channel);
    assert.deepEqual(
      (await Array.fromAsync(stream)).map(({ id }) => id),
      [1, 2, 3],
    );
  });

  it("says what became of the process, and opens the next on the next", async () => {
    const { clock, link } = makeLink();
    const first = await openSigner(echo);
    link.connect(first.channel);
    const signer = link.client(SignerDefinition);
    const responses = (() => {
      const stream = signer.sign();
      void stream.send({ id: 1 });
      return stream[Symbol.asyncIterator]();
    })();
    assert.equal((await responses.next()).value.id, 1);
    const next = assert.rejects(responses.next(), { reason: "PLUGIN_EXITED" });
    await dies(first, link, clock);
    await next;
    const stream = signer.sign();
    void stream.send({ id: 2 });
    await using second = await openSigner(echo);
    link.connect(second.channel);
    for await (const { id } of stream) {
      assert.equal(id, 2);
      stream.cancel();
      break;
    }
  });

  it("gives its place back when it cannot be opened", async () => {
    const { link } = makeLink();
    await using plugin = await openStore({});
    const channel = openChannel(plugin.channel.grpc.getChannel().getTarget(), credentials.createInsecure());
    link.connect(channel);
    channel.close();
    const signer = link.client(SignerDefinition);
    // More than there may be in flight.
    for (let call = 0; call < 10; call++) assert.throws(() => signer.sign(), /Channel has been shut down/);
  });

  it("can be cancelled while it waits, and fails whoever reads when it waits for too long", async () => {
    const { clock, link } = makeLink();
    link.disconnect("exit status 3", soon(clock));
    const signer = link.client(SignerDefinition);
    const left = signer.sign();
    void left.send({ id: 1 });
    left.cancel();
    await assert.rejects(Array.fromAsync(left), { name: "AbortError" });
    const late = assert.rejects(Array.fromAsync(signer.sign()), { reason: "PLUGIN_AWAY" });
    await clock.advance(0);
    await clock.advance(5000);
    await late;
  });
});
