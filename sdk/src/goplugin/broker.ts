import type { ConnInfo } from "@finial/proto/goplugin/broker";

/** The broker id under which every SPIRE host offers its host services. */
export const hostServicesId = 1;

/** The gRPC target of an announced connection: `unix:/path` or `host:port`. */
export function targetOf(info: Pick<ConnInfo, "network" | "address">): string {
  return info.network === "unix" ? `unix:${info.address}` : info.address;
}
