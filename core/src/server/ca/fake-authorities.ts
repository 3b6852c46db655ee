import type { Clock } from "@finial/sdk";
import { Certificate, generatePrivateKey } from "@finial/sdk/crypto";
import type { TestCa } from "@finial/sdk/testing";
import type { CredentialComposer } from "../facade/credentialcomposer.ts";
import { managedKey } from "../facade/fake-keymanager.ts";
import type { KeyType } from "../facade/keymanager.ts";
import type { ActiveAuthorities, JwtKey, X509Ca } from "./authorities.ts";
import { Composers } from "./compose.ts";
import type { CredentialSettings } from "./credential-settings.ts";
import type { CaSurroundings } from "./x509-ca-certificate.ts";

const hourMs = 3_600_000;

/** A server's authorities that never change, for tests: a test CA, and a JWT key beside it. */
export async function fakeAuthorities(
  ca: TestCa,
  clock: Clock,
  options: { readonly jwtKeyType?: KeyType; readonly jwtKeyTtlMs?: number } = {},
): Promise<ActiveAuthorities & { readonly jwtKey: JwtKey; readonly x509Ca: X509Ca }> {
  const { jwtKeyType = "ec-p256", jwtKeyTtlMs = 24 * hourMs } = options;
  const upstreamChain = ca.chainDer.map((der) => Certificate.parse(der));
  const x509Ca: X509Ca = {
    certificate: upstreamChain[0] ?? ca.root,
    upstreamChain,
    key: managedKey("x509-CA-A", ca.privateKey),
  };
  const jwtKey: JwtKey = {
    kid: "fake-kid",
    notAfter: new Date(clock.now().getTime() + jwtKeyTtlMs),
    key: managedKey("JWT-Signer-A", await generatePrivateKey(jwtKeyType)),
  };
  return { x509Ca, jwtKey, getX509Ca: () => x509Ca, getJwtKey: () => jwtKey };
}

/** What authorities are made and used in, for tests: a day for CAs, an hour for agents and workloads, five minutes for tokens. */
export function fakeSurroundings(
  ca: Pick<TestCa, "trustDomain">,
  clock: Clock,
  options: {
    readonly settings?: Partial<CredentialSettings>;
    readonly composers?: readonly CredentialComposer[];
  } = {},
): CaSurroundings {
  return {
    settings: {
      trustDomain: ca.trustDomain,
      caTtlMs: 24 * hourMs,
      caSubject: { country: ["US"], organization: ["SPIFFE"] },
      x509SvidTtlMs: hourMs,
      agentX509SvidTtlMs: hourMs,
      jwtSvidTtlMs: 300_000,
      jwtIssuer: undefined,
      ...options.settings,
    },
    composers: new Composers(options.composers ?? []),
    now: () => clock.now(),
  };
}
