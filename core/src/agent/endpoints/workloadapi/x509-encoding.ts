import type { Bundle } from "@finial/sdk/spiffe";

const encoded = new WeakMap<Bundle, Buffer>();

/** The authorities of a bundle, DER, one after the other. A bundle is encoded once for all who ask. */
export function encodeX509Authorities(bundle: Bundle): Buffer {
  let der = encoded.get(bundle);
  if (der === undefined) {
    der = Buffer.concat(bundle.x509Authorities.map(({ certificateDer }) => certificateDer));
    encoded.set(bundle, der);
  }
  return der;
}
