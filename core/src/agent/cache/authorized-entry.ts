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

/** Whether they are one state of one entry. One that was deleted and made again with its ID begins at revision 0 again. */
export function isSameEntry(left: AuthorizedEntry, right: AuthorizedEntry): boolean {
  return (
    left === right ||
    (left.id === right.id &&
      left.revisionNumber === right.revisionNumber &&
      left.createdAt?.getTime() === right.createdAt?.getTime())
  );
}
