import type { RegistrationEntry } from "@finial/sdk/spiffe";

/** What an agent keeps of an entry it is authorized for: the server is asked for no more. */
export type AuthorizedEntry = Pick<
  RegistrationEntry,
  | "id"
  | "spiffeId"
  | "selectors"
  | "federatesWith"
  | "admin"
  | "downstream"
  | "revisionNumber"
  | "storeSvid"
  | "hint"
  | "createdAt"
  | "disableX509SvidPrefetch"
  | "jwtSvidIncludeJti"
>;
