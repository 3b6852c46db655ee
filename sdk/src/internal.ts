export { hostServicesId, targetOf } from "./goplugin/broker.ts";
export { formatHandshake, type Handshake, parseHandshake } from "./goplugin/handshake.ts";
export { LinkIdentity } from "./goplugin/link-identity.ts";
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
export { fromGrpcError, toGrpcStatus } from "./rpc/status.ts";
export { strictly } from "./rpc/strict.ts";
