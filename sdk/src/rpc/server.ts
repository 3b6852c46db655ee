import { Server, type ServerOptions } from "@grpc/grpc-js";

/** A gRPC server as all of ours are: without channelz, which nobody here can ask and every call would pay for. */
export function createServer(options: ServerOptions = {}): Server {
  return new Server({ "grpc.enable_channelz": 0, ...options });
}
