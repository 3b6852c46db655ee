export {
  type CallOptions,
  Channel,
  type Client,
  createClient,
  type Duplex,
  openChannel,
} from "./rpc/client.ts";
export type {
  MethodDefinition,
  PartialMessage,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
} from "./rpc/definition.ts";
export { addService, type CallContext, type Handlers, type Interceptor } from "./rpc/service.ts";
