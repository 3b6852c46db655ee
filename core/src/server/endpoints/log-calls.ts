import { randomUUID } from "node:crypto";
import { Code, codeName, type Logger, StatusError } from "@finial/sdk";
import type { CallContext, Interceptor } from "@finial/sdk/internal";
import { openAuditTrail } from "../api/audit.ts";
import { logSentence } from "../api/failure.ts";
import { callerFields, findAuthorized } from "../authorization/caller.ts";

/** Logs each failed call once, with who called. A caller that left is not a failure. */
export function logFailures(logger: Logger): Interceptor {
  return async (context, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = StatusError.from(thrown);
      if (error.code !== Code.Cancelled) {
        const why = error.cause === undefined ? {} : { error: StatusError.from(error.cause).message };
        logger.error(logSentence(error), {
          ...callFields(context),
          status_code: codeName(error.code),
          ...why,
        });
      }
      throw error;
    }
  };
}

/** Logs who did what, and how it went, one line a call or an item of a batch. */
export function logAudit(logger: Logger): Interceptor {
  return async (context, next) => {
    const trail = openAuditTrail(context);
    const requestId = randomUUID();
    const write = (code: number, message: string, fields: object): void => {
      const status =
        code === Code.Ok
          ? { status: "success" }
          : { status: "error", status_code: codeName(code as Code), status_message: message };
      logger.info("API accessed", {
        ...callFields(context),
        type: "audit",
        request_id: requestId,
        ...fields,
        ...status,
      });
    };
    try {
      await next();
      if (trail.items.length === 0) write(Code.Ok, "", trail.fields);
    } catch (thrown) {
      const error = StatusError.from(thrown);
      write(error.code, error.message, trail.fields);
      throw error;
    } finally {
      for (const { status, fields } of trail.items) write(status.code, status.message, fields);
    }
  };
}

function callFields(context: CallContext): Readonly<Record<string, unknown>> {
  const [service = "", method = ""] = context.method.slice(1).split("/");
  const authorized = findAuthorized(context);
  return {
    method,
    service: service.replace(/^spire\.api\.server\./, ""),
    ...(authorized && { authorized_as: authorized.as, ...callerFields(authorized.caller) }),
  };
}
