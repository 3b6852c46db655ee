export type { Bundle, JwtAuthority, X509Authority } from "./bundle.ts";
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
