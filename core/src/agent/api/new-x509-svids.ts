import type { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { Code, type Logger } from "@finial/sdk";
import type { CallOptions, Client } from "@finial/sdk/internal";

/** See ServerApi.newX509Svids. */
export async function newX509Svids(
  client: Client<typeof SVIDDefinition>,
  requests: readonly { readonly entryId: string; readonly csrDer: Buffer }[],
  { logger, ...options }: CallOptions & { readonly logger: Logger },
): Promise<ReadonlyMap<string, readonly Buffer[]>> {
  const params = requests.map(({ entryId, csrDer }) => ({ entryId, csr: csrDer }));
  const { results } = await client.batchNewX509SVID({ params }, options);
  const chains = new Map<string, readonly Buffer[]>();
  for (const [index, { status, svid }] of results.entries()) {
    const entryId = requests[index]?.entryId;
    if (entryId === undefined) break;
    if (status !== undefined && status.code === Code.Ok && svid !== undefined && svid.certChain.length > 0)
      chains.set(entryId, svid.certChain);
    else
      logger.warn("Failed to mint X509 SVID", {
        entry_id: entryId,
        status: status?.code,
        error: status?.message,
      });
  }
  return chains;
}
