import { type KeyObject, sign, X509Certificate } from "node:crypto";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import {
  createCertificateRequest,
  generatePrivateKey,
  type KeyPairType,
  PublicKey,
  toPem,
} from "@finial/sdk/crypto";
import {
  type Channel,
  type Client,
  createClient,
  openChannel,
  type ServiceDefinition,
} from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";

/** A key with its X.509-SVID. */
export interface TestSvid {
  readonly key: KeyObject;
  /** Leaf first. */
  readonly chainDer: readonly Buffer[];
}

export interface ServerAddress {
  /** Host and port, such as `127.0.0.1:8081`. */
  readonly address: string;
  /** The trust domain's X.509 authorities. */
  readonly bundlePem: string;
  readonly trustDomain: string;
}

/** What an agent is to a server: a client with an SVID over mutual TLS. It has no loops: the test makes each call itself. */
export class AttestedClient implements Disposable {
  readonly svid: TestSvid;
  readonly #channel: Channel;

  private constructor(svid: TestSvid, channel: Channel) {
    this.svid = svid;
    this.#channel = channel;
  }

  /** Attests with a join token, which is used up. */
  static async attest(
    server: ServerAddress,
    joinToken: string,
    options: { readonly keyType?: KeyPairType } = {},
  ): Promise<AttestedClient> {
    const key = await generatePrivateKey(options.keyType ?? "ec-p256");
    using channel = openServer(server);
    const call = createClient(AgentDefinition, channel).attestAgent();
    const params = { csr: await certificateRequest(key) };
    const data = { type: "join_token", payload: Buffer.from(joinToken) };
    await call.send({ step: { $case: "params", value: { data, params } } });
    for await (const { step } of call) {
      if (step?.$case !== "result") throw new Error("a join token is not challenged");
      call.end();
      return AttestedClient.connect(server, { key, chainDer: step.value.svid?.certChain ?? [] });
    }
    throw new Error("the server ended the attestation without a result");
  }

  /** Connects with an SVID, an agent's or any other. */
  static connect(server: ServerAddress, svid: TestSvid): AttestedClient {
    return new AttestedClient(svid, openServer(server, svid));
  }

  get spiffeId(): string {
    const [leaf = Buffer.alloc(0)] = this.svid.chainDer;
    return new X509Certificate(leaf).subjectAltName?.replace("URI:", "") ?? "";
  }

  client<D extends ServiceDefinition>(definition: D): Client<D> {
    return createClient(definition, this.#channel);
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}

/** A certificate request without names, or with those given, DER. */
export async function certificateRequest(
  key: KeyObject,
  names: { readonly uris?: readonly string[]; readonly dnsNames?: readonly string[] } = {},
): Promise<Buffer> {
  return await createCertificateRequest({
    publicKey: PublicKey.of(key),
    subject: { country: ["US"], organization: ["SPIRE"] },
    ...names,
    sign: async (message, hash) => sign(hash, message, key),
  });
}

/** A connection that believes only `/spire/server`; without an SVID it is an anonymous one, good for attestation. */
export function openServer({ address, bundlePem, trustDomain }: ServerAddress, svid?: TestSvid): Channel {
  const serverId = `URI:spiffe://${trustDomain}/spire/server`;
  const chainPem = svid?.chainDer.map((der) => toPem("CERTIFICATE", der)).join("");
  return openChannel(
    `dns:///${address}`,
    credentials.createSsl(
      Buffer.from(bundlePem),
      svid ? Buffer.from(svid.key.export({ format: "pem", type: "pkcs8" })) : null,
      chainPem ? Buffer.from(chainPem) : null,
      {
        checkServerIdentity: (_host, { subjectaltname }) =>
          subjectaltname === serverId ? undefined : new Error(`the server is ${subjectaltname}`),
      },
    ),
    // Node refuses an IP address as a server name; the name is not what is checked.
    { "grpc.ssl_target_name_override": "spire-server" },
  );
}
