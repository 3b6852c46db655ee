import { readFile } from "node:fs/promises";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, parseCertificatesPem } from "@finial/sdk/crypto";
import { parseBundleDocument, type TrustDomain } from "@finial/sdk/spiffe";
import type { BootstrapSource, BundleFormat } from "../config/bootstrap.ts";

const fetchTimeoutMs = 60_000;
/** A bundle is a few certificates. */
const maxBytes = 16 * 1024 * 1024;

export interface BootstrapOptions {
  readonly trustDomain: TrustDomain;
  /** Told to who serves the bundle on a unix socket, in the query. */
  readonly about: Readonly<Record<string, string>>;
  /** Asks a Workload API for the X.509 authorities of the trust domain. */
  readonly fetchFromWorkloadApi: (
    address: string,
    options: { readonly signal: AbortSignal },
  ) => Promise<readonly Buffer[]>;
  readonly signal: AbortSignal;
}

/**
 * The X.509 authorities (DER) an agent without a bundle begins with; undefined when it is to begin without.
 *
 * @throws {StatusError} what kept it from having them.
 */
export async function fetchBootstrapBundle(
  source: BootstrapSource,
  options: BootstrapOptions,
): Promise<readonly Buffer[] | undefined> {
  switch (source.kind) {
    case "insecure":
      return undefined;
    case "file":
      return parse(await readBundle(source.path), source.format, options.trustDomain);
    case "url":
      return parse(await download(source, options), source.format, options.trustDomain);
    case "workloadApi": {
      const signal = AbortSignal.any([options.signal, AbortSignal.timeout(fetchTimeoutMs)]);
      return nonEmpty(await options.fetchFromWorkloadApi(source.address, { signal }));
    }
  }
}

async function readBundle(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw failed(`could not parse trust bundle: ${wordsOf(error)}`, error);
  }
}

function parse(text: string, format: BundleFormat, trustDomain: TrustDomain): readonly Buffer[] {
  if (format === "pem") return nonEmpty(parseCertificatesPem(text).map((der) => Certificate.parse(der).der));
  try {
    const { x509Authorities } = parseBundleDocument(trustDomain, text);
    return nonEmpty(x509Authorities.map(({ certificateDer }) => certificateDer));
  } catch (error) {
    throw StatusError.from(error).prefixed("unable to parse SPIFFE trust bundle: ");
  }
}

function nonEmpty(authorities: readonly Buffer[]): readonly Buffer[] {
  if (authorities.length === 0) throw failed("no certificates found in trust bundle");
  return authorities;
}

async function download(
  { url, unixSocketPath }: Extract<BootstrapSource, { kind: "url" }>,
  { about, signal }: BootstrapOptions,
): Promise<string> {
  const target = new URL(url);
  if (unixSocketPath !== undefined) {
    for (const [name, value] of Object.entries(about)) target.searchParams.set(name, value);
    target.searchParams.sort();
  }
  const limited = AbortSignal.any([signal, AbortSignal.timeout(fetchTimeoutMs)]);
  try {
    const response = await send(target, unixSocketPath, limited);
    if (response.statusCode !== 200) {
      response.destroy();
      const status = `${response.statusCode} ${response.statusMessage}`;
      throw failed(`error downloading trust bundle: ${status}`);
    }
    return await readAll(response);
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw failed(`unable to fetch trust bundle URL ${target}: ${wordsOf(error)}`, error);
  }
}

async function send(url: URL, socketPath: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  // Only when they are needed: importing them loads all of Node's fetch, in every agent and every command.
  const [http, https] = await Promise.all([import("node:http"), import("node:https")]);
  return await new Promise((resolve, reject) => {
    const request: ClientRequest =
      socketPath === undefined
        ? https.get(url, { signal, agent: false }, resolve)
        : http.get(url, { signal, agent: false, socketPath }, resolve);
    request.once("error", reject);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error("the answer is too long to be a bundle");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function wordsOf(error: unknown): string {
  // One failure for each of a name's addresses.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(wordsOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

function failed(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.Unavailable, "BOOTSTRAP_BUNDLE", message, { cause });
}
