import type * as wire from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { PartialMessage } from "@finial/sdk";
import { parseSpiffeId, parseTrustDomain, type TrustDomain } from "@finial/sdk/spiffe";
import type { DataStore, FederationRelationship } from "./datastore.ts";
import {
  type Ask,
  answered,
  askForAll,
  distrusted,
  found,
  pageOf,
  partsOf,
  toWirePage,
} from "./store-answers.ts";

type FederationCalls =
  | "createFederationRelationship"
  | "findFederationRelationship"
  | "listFederationRelationships"
  | "updateFederationRelationship"
  | "deleteFederationRelationship";

const what = "federation relationship";

export function storeFederation(ask: Ask): Pick<DataStore, FederationCalls> {
  return {
    createFederationRelationship: (given) =>
      ask(async (store) => {
        const request = { relationship: toWireRelationship(given) };
        const { relationship } = await store.createFederationRelationship(request);
        return same(relationship, given.trustDomain);
      }),
    findFederationRelationship: (trustDomain) =>
      ask(async (store) => {
        const { relationship } = await store.fetchFederationRelationship({ trustDomain: trustDomain.name });
        return found(relationship, what, fromWireRelationship, (it) => it.trustDomain.equals(trustDomain));
      }),
    listFederationRelationships: (page) =>
      askForAll(ask, (store) => {
        const stream = store.listFederationRelationships({ page: toWirePage(page) });
        return pageOf(
          page,
          partsOf(stream, ({ relationships }) =>
            relationships.map((each) => answered(each, what, fromWireRelationship)),
          ),
        );
      }),
    updateFederationRelationship: (given) =>
      ask(async (store) => {
        const request = { relationship: toWireRelationship(given) };
        const { relationship } = await store.updateFederationRelationship(request);
        return same(relationship, given.trustDomain);
      }),
    deleteFederationRelationship: (trustDomain) =>
      ask(async (store) => {
        await store.deleteFederationRelationship({ trustDomain: trustDomain.name });
      }),
  };
}

function same(
  wire: wire.FederationRelationship | undefined,
  trustDomain: TrustDomain,
): FederationRelationship {
  const relationship = answered(wire, what, fromWireRelationship);
  if (!relationship.trustDomain.equals(trustDomain))
    throw distrusted(`plugin response has another ${what} than the one asked for`);
  return relationship;
}

function toWireRelationship({
  trustDomain,
  bundleEndpointUrl,
  profile,
}: FederationRelationship): PartialMessage<wire.FederationRelationship> {
  return {
    trustDomain: trustDomain.name,
    bundleEndpointUrl,
    profile:
      profile.kind === "https_web"
        ? { $case: "httpsWeb", value: {} }
        : { $case: "httpsSpiffe", value: { endpointSpiffeId: profile.endpointSpiffeId.toString() } },
  };
}

function fromWireRelationship(relationship: wire.FederationRelationship): FederationRelationship {
  return {
    trustDomain: parseTrustDomain(relationship.trustDomain),
    bundleEndpointUrl: relationship.bundleEndpointUrl,
    profile: fromWireProfile(relationship.profile),
  };
}

function fromWireProfile(profile: wire.FederationRelationship["profile"]): FederationRelationship["profile"] {
  switch (profile?.$case) {
    case "httpsWeb":
      return { kind: "https_web" };
    case "httpsSpiffe":
      return { kind: "https_spiffe", endpointSpiffeId: parseSpiffeId(profile.value.endpointSpiffeId) };
    default:
      throw distrusted("no endpoint profile");
  }
}
