import type { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import type { Handlers } from "@finial/sdk/internal";
import { type Bundle, formatJwks } from "@finial/sdk/spiffe";
import { type BundleStreamNeeds, streamBundles } from "./bundle-stream.ts";

/**
 * Sends the JWT authorities the caller may verify with, a JWK Set a trust domain.
 *
 * @see SPIFFE Workload API, section 6.2.2
 */
export function makeFetchJwtBundles(
  needs: BundleStreamNeeds,
): Handlers<typeof SpiffeWorkloadAPIDefinition>["fetchJWTBundles"] {
  return async function* (_, context) {
    yield* streamBundles(needs, { context, method: "FetchJWTBundles" }, encodeJwks);
  };
}

const encoded = new WeakMap<Bundle, Buffer>();

function encodeJwks(bundle: Bundle): Buffer {
  let jwks = encoded.get(bundle);
  if (jwks === undefined) {
    jwks = Buffer.from(formatJwks(bundle.jwtAuthorities));
    encoded.set(bundle, jwks);
  }
  return jwks;
}
