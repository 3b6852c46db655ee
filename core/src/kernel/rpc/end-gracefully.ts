import type { Clock } from "@finial/sdk";
import type { Server } from "@grpc/grpc-js";
import { within } from "../lifecycle/within.ts";

/** Where a server's connections come from. */
interface Listener extends AsyncDisposable {
  stopAccepting(): void;
  /** Resolves when the last connection has gone. */
  drained(): Promise<void>;
}

/** Takes no more calls, lets those in flight end for a while, then closes. */
export async function endGracefully(
  doors: readonly { readonly server: Server; readonly listener: Listener }[],
  { graceMs, clock }: { readonly graceMs: number; readonly clock: Clock },
): Promise<void> {
  for (const { listener } of doors) listener.stopAccepting();
  for (const { server } of doors) server.tryShutdown(() => {});
  await within(Promise.all(doors.map(({ listener }) => listener.drained())), graceMs, { clock });
  for (const { server } of doors) server.forceShutdown();
  for (const { listener } of doors) await listener[Symbol.asyncDispose]();
}
