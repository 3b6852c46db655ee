import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { WorkloadAttestorDefinition } from "@finial/proto/plugin/agent/workloadattestor/v1/workloadattestor";
import { DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { KeyManagerDefinition } from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { NotifierDefinition } from "@finial/proto/plugin/server/notifier/v1/notifier";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { Code, StatusError } from "@finial/sdk";
import { type Channel, createClient, LinkIdentity, openChannel } from "@finial/sdk/internal";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";

const deadlineMs = 5000;

/** What somebody would ask who has found a socket: to look, to sign, to read, to change and to end. */
const requests: readonly ((channel: Channel) => Promise<unknown>)[] = [
  (channel) => createClient(HealthDefinition, channel).check({ service: "plugin" }, { deadlineMs }),
  (channel) => createClient(InitDefinition, channel).init({}, { deadlineMs }),
  (channel) => createClient(ConfigDefinition, channel).configure({ hclConfiguration: "" }, { deadlineMs }),
  (channel) => createClient(KeyManagerDefinition, channel).getPublicKeys({}, { deadlineMs }),
  (channel) =>
    createClient(KeyManagerDefinition, channel).signData(
      { keyId: "x509-CA-A", data: Buffer.alloc(32), signerOpts: { $case: "hashAlgorithm", value: 5 } },
      { deadlineMs },
    ),
  (channel) => Array.fromAsync(createClient(DataStoreDefinition, channel).listEntries({}, { deadlineMs })),
  (channel) => createClient(WorkloadAttestorDefinition, channel).attest({ pid: process.pid }, { deadlineMs }),
  (channel) => createClient(NotifierDefinition, channel).notify({}, { deadlineMs }),
  (channel) => createClient(GRPCControllerDefinition, channel).shutdown({}, { deadlineMs }),
];

/** A process of the same user that knows where a socket is, and nothing else. */
export class Intruder {
  readonly #identity: LinkIdentity;

  private constructor(identity: LinkIdentity) {
    this.#identity = identity;
  }

  static async make(): Promise<Intruder> {
    return new Intruder(await LinkIdentity.make(new Date()));
  }

  /** In plain, under TLS as nobody, and under TLS with a certificate as a host's is. */
  get #disguises(): readonly ChannelCredentials[] {
    const lax = { rejectUnauthorized: false };
    const pem = Buffer.from(this.#identity.certificatePem);
    return [
      credentials.createInsecure(),
      credentials.createSsl(null, null, null, lax),
      credentials.createSsl(null, this.#identity.keyPem, pem, lax),
    ];
  }

  /** Tries everything on one socket. @returns how many calls were made, and how many of them the other end answered, whatever it said. */
  async tryAll(socketPath: string): Promise<{ readonly made: number; readonly answered: number }> {
    const answers: boolean[] = [];
    for (const disguise of this.#disguises) {
      using channel = openChannel(`unix:${socketPath}`, disguise);
      for (const request of requests) answers.push(await isAnswered(request(channel)));
    }
    return { made: answers.length, answered: answers.filter(Boolean).length };
  }
}

/** A refusal is an answer, too: only a connection that is not to be had is none. */
async function isAnswered(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    const { code } = StatusError.from(error);
    return code !== Code.Unavailable && code !== Code.DeadlineExceeded;
  }
}
