import type { Decoded } from "@finial/sdk/hcl";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { invalid, named } from "../../kernel/config/invalid.ts";
import type { agentFields } from "./agent-block.ts";

type BrokerBlock = NonNullable<NonNullable<Decoded<typeof agentFields>["experimental"]>["broker"]>;

/** Finds mistakes in the block of an API that this version does not serve. @throws {StatusError} InvalidArgument. */
export function checkBroker({ socket_path, bind_address, brokers }: BrokerBlock): void {
  if (!socket_path && !bind_address)
    throw invalid("experimental.broker requires socket_path, bind_address, or both");
  const seen = new Set<string>();
  for (const [index, { id }] of brokers.entries()) {
    if (!id) throw invalid(`experimental.broker.brokers[${index}].id: must be specified`);
    if (seen.has(id)) throw invalid(`experimental.broker.brokers[${id}].id: duplicate broker id`);
    seen.add(id);
  }
  for (const { id = "", allowed_reference_types: types } of brokers) {
    named(`experimental.broker.brokers[${id}].id`, id, parseSpiffeId);
    const where = `experimental.broker.brokers[${id}].allowed_reference_types`;
    if (types.length === 0) throw invalid(`${where}: must list at least one reference type URL`);
    for (const [index, { type_url }] of types.entries()) {
      if (!type_url) throw invalid(`${where}[${index}].type_url: must be specified`);
      if (type_url === "*" && types.length !== 1)
        throw invalid(`${where}: wildcard "*" must be the only allowed reference type`);
    }
  }
}
