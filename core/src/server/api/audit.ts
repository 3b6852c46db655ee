import type { Status } from "@finial/proto/api/types/status";
import type { LogFields } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";

/** What a call leaves for the audit log: fields of the call, and one record an item of a batch. */
export class AuditTrail {
  readonly #items: { readonly status: Status; readonly fields: LogFields }[] = [];
  #fields: LogFields = {};

  /** Fields in SPIRE's names. A batch's items are logged without them. */
  get fields(): LogFields {
    return this.#fields;
  }

  /** A call with items is logged once an item, by the item's own status. */
  get items(): readonly { readonly status: Status; readonly fields: LogFields }[] {
    return this.#items;
  }

  addFields(fields: LogFields): void {
    this.#fields = { ...this.#fields, ...fields };
  }

  addItem(status: Status, fields: LogFields): void {
    this.#items.push({ status, fields });
  }
}

/** Starts a trail on a call. An interceptor does this when auditing is on, and logs the trail at the end. */
export function openAuditTrail(context: CallContext): AuditTrail {
  const trail = new AuditTrail();
  context.values.set(AuditTrail, trail);
  return trail;
}

/** Adds fields, if the call is audited at all: they are made only then. */
export function audit(context: CallContext, fields: () => LogFields): void {
  trailOf(context)?.addFields(fields());
}

/** Adds a batch's item, if the call is audited at all: its fields are made only then. */
export function auditItem(context: CallContext, status: Status, fields: () => LogFields): void {
  trailOf(context)?.addItem(status, fields());
}

function trailOf(context: CallContext): AuditTrail | undefined {
  return context.values.get(AuditTrail) as AuditTrail | undefined;
}
