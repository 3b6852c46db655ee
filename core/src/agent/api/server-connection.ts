import {
  type Channel,
  type Client,
  createClient,
  openChannel,
  type ServiceDefinition,
} from "@finial/sdk/internal";
import { ServerCredentials, type ServerTrust } from "./server-credentials.ts";

/** Every address the name stands for gets its share; what DNS says of gRPC beyond addresses is not asked. */
const channelOptions = {
  "grpc.service_config": '{"loadBalancingConfig":[{"round_robin":{}}]}',
  "grpc.service_config_disable_resolution": 1,
};

export interface ServerAddress {
  /** Host name or IP address. */
  readonly serverAddress: string;
  readonly serverPort: number;
}

/** The agent's connection to its server: made when first used, and anew after `reset`. */
export class ServerConnection implements Disposable {
  readonly #target: string;
  readonly #trust: ServerTrust;
  #channel: Channel | undefined;

  constructor({ serverAddress, serverPort }: ServerAddress, trust: ServerTrust) {
    const host = serverAddress.includes(":") ? `[${serverAddress}]` : serverAddress;
    this.#target = `dns:///${host}:${serverPort}`;
    this.#trust = trust;
  }

  /** For one call: the next may need another. */
  client<D extends ServiceDefinition>(definition: D): Client<D> {
    return createClient(definition, this.#open());
  }

  /** The next call connects anew: with the new identity, or to a server that is better. Calls in flight end in peace. */
  reset(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  [Symbol.dispose](): void {
    this.reset();
  }

  #open(): Channel {
    this.#channel ??= openChannel(this.#target, new ServerCredentials(this.#trust), channelOptions);
    return this.#channel;
  }
}
