import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { Code, type Logger, StatusError } from "@finial/sdk";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import type { ServerApi } from "../sync/server-api.ts";
import { authorizedEntryMask } from "./from-wire-entry.ts";
import { findBundle, findFederatedBundle } from "./get-bundle.ts";
import { newJwtSvid } from "./new-jwt-svid.ts";
import { newX509Svids } from "./new-x509-svids.ts";
import type { ServerConnection } from "./server-connection.ts";
import { addEntries, syncAuthorizedEntries } from "./sync-authorized-entries.ts";

/** SPIRE's agents give the server this long for an answer. */
export const rpcTimeoutMs = 30_000;

/** Failures that another connection may cure: without them, the next call need not wait for grpc-js to try again. */
const connectionFailures: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Unauthenticated,
]);

/** The server's APIs over an attested agent's connection. */
export function attestedServerApi(connection: ServerConnection, logger: Logger): ServerApi {
  const deadlineMs = rpcTimeoutMs;
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      const error = StatusError.from(thrown);
      if (connectionFailures.has(error.code)) connection.reset();
      throw error.prefixed(`failed to ${what}: `);
    }
  };
  return {
    syncEntries: (known, { signal }) =>
      call("fetch authorized entries", () =>
        syncAuthorizedEntries(connection.client(EntryDefinition), known, { signal, deadlineMs, logger }),
      ),
    getEntries: ({ signal }) =>
      call("fetch authorized entries", async () => {
        const client = connection.client(EntryDefinition);
        const request = { outputMask: authorizedEntryMask };
        const { entries: wire } = await client.getAuthorizedEntries(request, { signal, deadlineMs });
        const entries = new Map<string, AuthorizedEntry>();
        addEntries(entries, wire, logger);
        return entries;
      }),
    findBundle: ({ signal }) =>
      call("fetch bundle", () =>
        findBundle(connection.client(BundleDefinition), { signal, deadlineMs, logger }),
      ),
    findFederatedBundle: (trustDomain, { signal }) =>
      call("fetch federated bundle", () =>
        findFederatedBundle(connection.client(BundleDefinition), trustDomain, { signal, deadlineMs, logger }),
      ),
    newX509Svids: (requests, { signal }) =>
      call("batch new X509 SVID(s)", () =>
        newX509Svids(connection.client(SVIDDefinition), requests, { signal, deadlineMs, logger }),
      ),
    newJwtSvid: ({ timeoutMs, ...request }, { signal }) =>
      call("fetch JWT SVID", () =>
        newJwtSvid(connection.client(SVIDDefinition), request, { signal, deadlineMs: timeoutMs }),
      ),
    postStatus: (agentVersion, { signal }) =>
      call("post agent status", async () => {
        await connection.client(AgentDefinition).postStatus({ agentVersion }, { signal, deadlineMs });
      }),
    renewAgent: (csrDer, { signal }) =>
      call("renew agent", async () => {
        const client = connection.client(AgentDefinition);
        const { svid } = await client.renewAgent({ params: { csr: csrDer } }, { signal, deadlineMs });
        if (svid !== undefined && svid.certChain.length > 0) return svid.certChain;
        throw new StatusError(Code.Internal, "RENEWAL_RESPONSE", "the server's answer has no SVID");
      }),
  };
}
