export type { Bundle, JwtAuthority, X509Authority } from "./bundle.ts";
export { formatBundleDocument, formatJwks, parseBundleDocument, parseJwks } from "./bundle-document.ts";
export { type JwtAlgorithm, type JwtSvid, parseJwtSvid, verifyJwtSvid } from "./jwt-svid.ts";
export { parseTrustDomain } from "./parse-trust-domain.ts";
export type { RegistrationEntry } from "./registration-entry.ts";
export {
  checkSelector,
  compareSelectors,
  formatSelector,
  isSelectorSubset,
  parseSelector,
  type Selector,
  selectorSet,
} from "./selector.ts";
export { checkPath, parseSpiffeId, SpiffeId } from "./spiffe-id.ts";
export { TrustDomain } from "./trust-domain.ts";
export { parseX509Svid, type VerifiedX509Svid, verifyX509Svid, x509SvidId } from "./x509-svid.ts";
