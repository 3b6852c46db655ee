import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { Code, StatusError } from "@finial/sdk";
import { subjectAltNameExtension } from "@finial/sdk/crypto";
import { formatBundleDocument } from "@finial/sdk/spiffe";
import { FakeClock, testCa } from "@finial/sdk/testing";
import fc from "fast-check";
import type { BootstrapSource } from "../config/bootstrap.ts";
import { type BootstrapOptions, fetchBootstrapBundle } from "./bootstrap-bundle.ts";

const root = mkdtempSync(join(tmpdir(), "finial-bundle-"));
after(() => rmSync(root, { recursive: true }));

const ca = await testCa({ clock: new FakeClock() });
const other = await testCa({ clock: new FakeClock() });
/** The web's: valid today. */
const web = await testCa();
const webServer = await web.x509Svid("/x", {
  extensions: [subjectAltNameExtension({ uris: [], dnsNames: ["localhost"] }, false)],
});
const both = [ca.rootDer, other.rootDer];
const pem = ca.rootPem + other.rootPem;
const document = formatBundleDocument({
  ...ca.bundle,
  x509Authorities: [...ca.bundle.x509Authorities, ...other.bundle.x509Authorities],
});

let files = 0;
function file(text: string): string {
  const path = join(root, `bundle${files++}`);
  writeFileSync(path, text);
  return path;
}

const fetch = (source: BootstrapSource, options: Partial<BootstrapOptions> = {}) =>
  fetchBootstrapBundle(source, {
    trustDomain: ca.trustDomain,
    about: {},
    fetchFromWorkloadApi: () => Promise.reject(new Error("not asked for")),
    signal: new AbortController().signal,
    ...options,
  });

const fromFile = (text: string, format: "pem" | "spiffe" = "pem") =>
  fetch({ kind: "file", path: file(text), format });

describe("fetchBootstrapBundle() from a file", () => {
  it("gives all authorities of a PEM file, with comments or without", async () => {
    assert.deepEqual(await fromFile(pem), both);
    assert.deepEqual(await fromFile(`# mine\n${pem}\n# more\n`), both);
  });

  it("gives the X.509 authorities of a SPIFFE bundle document", async () => {
    assert.deepEqual(await fromFile(document, "spiffe"), both);
  });

  const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  const refused = [
    { title: "an empty PEM file", text: "", format: "pem", message: /no PEM blocks/ },
    {
      title: "a PEM file with a key",
      text: pem + key,
      format: "pem",
      message: /expected a CERTIFICATE block, found PRIVATE KEY/,
    },
    { title: "a PEM file that was cut off", text: pem.slice(0, -40), format: "pem", message: /has no end/ },
    {
      title: "a PEM block that is no certificate",
      text: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      format: "pem",
      message: /./,
    },
    {
      title: "PEM in place of a document",
      text: pem,
      format: "spiffe",
      message: /^unable to parse SPIFFE trust bundle: /,
    },
    { title: "a document in place of PEM", text: document, format: "pem", message: /no PEM blocks/ },
    {
      title: "a document without X.509 authorities",
      text: formatBundleDocument({ ...ca.bundle, x509Authorities: [] }),
      format: "spiffe",
      message: /no certificates found in trust bundle/,
    },
  ] as const;
  for (const { title, text, format, message } of refused)
    it(`refuses ${title}`, async () => {
      await assert.rejects(fromFile(text, format), { name: "StatusError", message });
    });

  it("says that the file is not there", async () => {
    await assert.rejects(fetch({ kind: "file", path: join(root, "none"), format: "pem" }), {
      code: Code.Unavailable,
      reason: "BOOTSTRAP_BUNDLE",
      message: /^could not parse trust bundle: ENOENT/,
    });
  });

  it("gives certificates or a StatusError, whatever is in the file", async () => {
    const damage = (good: string) =>
      fc
        .tuple(fc.nat(good.length), fc.nat(80), fc.string({ maxLength: 8 }))
        .map(([at, length, by]) => good.slice(0, at) + by + good.slice(at + length));
    const strange = fc.oneof(
      fc.record({ text: fc.oneof(damage(pem), fc.string()), format: fc.constant("pem" as const) }),
      fc.record({ text: fc.oneof(damage(document), fc.json()), format: fc.constant("spiffe" as const) }),
    );
    const path = file("");
    await fc.assert(
      fc.asyncProperty(strange, async ({ text, format }) => {
        writeFileSync(path, text);
        try {
          const authorities = await fetch({ kind: "file", path, format });
          assert.ok((authorities?.length ?? 0) > 0);
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error));
        }
      }),
    );
  });
});

describe("fetchBootstrapBundle()", () => {
  it("gives none for an insecure bootstrap", async () => {
    assert.equal(await fetch({ kind: "insecure" }), undefined);
  });

  it("asks a Workload API at its address, and takes no empty answer", async () => {
    const asked: string[] = [];
    const answering = (authorities: readonly Buffer[]) => ({
      fetchFromWorkloadApi: async (address: string) => {
        asked.push(address);
        return authorities;
      },
    });
    const source = { kind: "workloadApi", address: "unix:///run/a.sock" } as const;
    assert.deepEqual(await fetch(source, answering(both)), both);
    assert.deepEqual(asked, ["unix:///run/a.sock"]);
    await assert.rejects(fetch(source, answering([])), { message: "no certificates found in trust bundle" });
  });

  it("stops asking a Workload API when it is told to", async () => {
    const stop = new AbortController();
    const fetching = fetch(
      { kind: "workloadApi", address: "unix:///run/a.sock" },
      {
        signal: stop.signal,
        fetchFromWorkloadApi: (_, { signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      },
    );
    stop.abort();
    await assert.rejects(fetching, { name: "AbortError" });
  });
});

/** Serves on a free port, or a path. */
async function serve(
  server: Server,
  at: { readonly path: string } | { readonly port: 0 },
): Promise<AsyncDisposable> {
  await new Promise<void>((resolve) => {
    server.listen(at, resolve);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        (server as ReturnType<typeof createHttpServer>).closeAllConnections();
      });
    },
  };
}

const answers = {
  good: (_, response) => response.end(pem),
  "not-found": (_, response) => response.writeHead(404).end(pem),
  moved: (_, response) => response.writeHead(302, { location: "/good" }).end(),
  empty: (_, response) => response.end(),
  cut: (_, response) => {
    response.writeHead(200, { "content-length": pem.length });
    response.write(pem.slice(0, 100), () => response.destroy());
  },
  endless: (_, response) => {
    const more = (): void => {
      while (response.writable && response.write("#".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  },
  silent: () => {},
} satisfies Record<string, RequestListener>;

const listener: RequestListener = (request, response) => {
  const name = request.url?.slice(1).split("?")[0] as keyof typeof answers;
  answers[name](request, response);
};

describe("fetchBootstrapBundle() from the web", () => {
  const trusted = getCACertificates("default");
  before(() => setDefaultCACertificates([...trusted, web.rootPem]));
  after(() => setDefaultCACertificates(trusted));

  const start = async () => {
    const server = createHttpsServer({ key: webServer.keyPem, cert: webServer.chainPem }, listener);
    const serving = await serve(server, { port: 0 });
    const { port } = server.address() as AddressInfo;
    return {
      get: (path: string, options: Partial<BootstrapOptions> & { readonly host?: string } = {}) => {
        const url = new URL(`https://${options.host ?? "localhost"}:${port}/${path}`);
        return fetch({ kind: "url", url, unixSocketPath: undefined, format: "pem" }, options);
      },
      [Symbol.asyncDispose]: () => serving[Symbol.asyncDispose](),
    };
  };

  it("gives what a server gives that the system trusts", async () => {
    await using server = await start();
    assert.deepEqual(await server.get("good"), both);
  });

  const refused = [
    { path: "not-found", message: /^error downloading trust bundle: 404 Not Found$/ },
    { path: "moved", message: /^error downloading trust bundle: 302 Found$/ },
    { path: "empty", message: /no PEM blocks/ },
    { path: "cut", message: /^unable to fetch trust bundle URL https:\/\/localhost:\d+\/cut: aborted$/ },
    {
      path: "endless",
      message:
        /^unable to fetch trust bundle URL https:\/\/localhost:\d+\/endless: the answer is too long to be a bundle$/,
    },
  ];
  for (const { path, message } of refused)
    it(`refuses an answer that is ${path}`, async () => {
      await using server = await start();
      await assert.rejects(server.get(path), { name: "StatusError", message });
    });

  it("refuses a server of another name, and one that the system does not trust", async () => {
    await using server = await start();
    await assert.rejects(server.get("good", { host: "127.0.0.1" }), {
      reason: "BOOTSTRAP_BUNDLE",
      message: /IP: 127\.0\.0\.1 is not in the cert's list/,
    });
    setDefaultCACertificates(trusted);
    try {
      await assert.rejects(server.get("good"), {
        message: /self-signed certificate in certificate chain|unable to/,
      });
    } finally {
      setDefaultCACertificates([...trusted, web.rootPem]);
    }
  });

  it("says that nobody is there", async () => {
    const source = {
      kind: "url",
      url: new URL("https://localhost:1/x"),
      unixSocketPath: undefined,
      format: "pem",
    } as const;
    await assert.rejects(fetch(source), {
      message: /^unable to fetch trust bundle URL https:\/\/localhost:1\/x: .*ECONNREFUSED/,
    });
  });

  it("stops when it is told to", async () => {
    await using server = await start();
    const stop = new AbortController();
    const fetching = server.get("silent", { signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(fetching, { reason: "BOOTSTRAP_BUNDLE", message: /aborted/ });
  });
});

describe("fetchBootstrapBundle() from a unix socket", () => {
  it("tells who asks, and why, besides what the URL says", async () => {
    const requests: [string | undefined, string | undefined][] = [];
    const path = join(root, "server.sock");
    const server = createHttpServer((request, response) => {
      requests.push([request.url, request.headers.host]);
      response.end(document);
    });
    await using _ = await serve(server, { path });
    const url = new URL("http://local/bundle?z=1&a=b");
    const about = { "spire-attest-mode": "bootstrap", "spiffe-trust-domain": "example.org" };
    const source = { kind: "url", url, unixSocketPath: path, format: "spiffe" } as const;
    assert.deepEqual(await fetch(source, { about }), both);
    assert.deepEqual(requests, [
      ["/bundle?a=b&spiffe-trust-domain=example.org&spire-attest-mode=bootstrap&z=1", "local"],
    ]);
    assert.equal(url.search, "?z=1&a=b", "the configuration is not touched");
  });

  it("says nothing of itself to the web", async () => {
    const requests: (string | undefined)[] = [];
    const server = createHttpsServer(
      { key: webServer.keyPem, cert: webServer.chainPem },
      (request, response) => {
        requests.push(request.url);
        response.end(pem);
      },
    );
    await using _ = await serve(server, { port: 0 });
    const trusted = getCACertificates("default");
    setDefaultCACertificates([...trusted, web.rootPem]);
    try {
      const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/bundle`);
      const source = { kind: "url", url, unixSocketPath: undefined, format: "pem" } as const;
      await fetch(source, { about: { "spire-attest-mode": "bootstrap" } });
    } finally {
      setDefaultCACertificates(trusted);
    }
    assert.deepEqual(requests, ["/bundle"]);
  });

  it("says that nobody is there", async () => {
    const url = new URL("http://local/bundle");
    const source = { kind: "url", url, unixSocketPath: join(root, "none.sock"), format: "pem" } as const;
    await assert.rejects(fetch(source), {
      message: /^unable to fetch trust bundle URL http:\/\/local\/bundle: connect ENOENT/,
    });
  });
});
