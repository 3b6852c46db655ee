import type { BundleMask, Bundle as WireBundle } from "@finial/proto/api/types/bundle";
import type { Status } from "@finial/proto/api/types/status";
import { StatusError } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import type { Bundle } from "@finial/sdk/spiffe";
import { toWireBundle } from "../../../kernel/convert/bundle.ts";
import { okStatus } from "../../../kernel/convert/status.ts";
import { auditItem } from "../audit.ts";
import { itemFailure } from "../failure.ts";
import { auditBundle } from "./audit-bundle.ts";
import { parseBundle, parseForeignTrustDomain } from "./federated-bundle.ts";
import type { BundleService } from "./service.ts";

/** One item's answer in a batch of bundles. */
export interface BundleResult {
  readonly status: Status;
  readonly bundle: WireBundle | undefined;
}

/** What a batch does to each bundle. */
export interface BundleBatch {
  /** For the server's own trust domain, which it refuses: "creating a federated bundle". */
  readonly doing: string;
  readonly write: (bundle: Bundle) => Promise<Bundle>;
  /** Words a failed write. */
  readonly refuse: (error: unknown) => StatusError;
  readonly inputMask?: BundleMask | undefined;
  readonly outputMask: BundleMask | undefined;
}

/** Writes bundles one after the other, answering one status each. */
export async function writeBundles(
  service: BundleService,
  bundles: readonly WireBundle[],
  batch: BundleBatch,
  context: CallContext,
): Promise<{ results: BundleResult[] }> {
  const results: BundleResult[] = [];
  for (const wire of bundles) {
    const result = await writeOne(service, wire, batch);
    auditItem(context, result.status, () => auditBundle(wire, batch.inputMask));
    results.push(result);
  }
  return { results };
}

async function writeOne(service: BundleService, wire: WireBundle, batch: BundleBatch): Promise<BundleResult> {
  try {
    const doing = `${batch.doing} for the server's own trust domain`;
    const trustDomain = parseForeignTrustDomain(wire.trustDomain, service.trustDomain, doing);
    const bundle = parseBundle(wire, trustDomain);
    const written = await batch.write(bundle).catch((error: unknown) => {
      throw batch.refuse(error);
    });
    return { status: okStatus, bundle: toWireBundle(written, batch.outputMask) };
  } catch (error) {
    const fields = { trust_domain_id: wire.trustDomain };
    return { status: itemFailure(service.logger, StatusError.from(error), fields), bundle: undefined };
  }
}
