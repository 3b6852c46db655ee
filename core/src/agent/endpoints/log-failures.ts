import { Code, codeName, type Logger, StatusError } from "@finial/sdk";
import type { CallContext, Interceptor } from "@finial/sdk/internal";
import { noIdentityReason } from "./workloadapi/no-identity.ts";

/** What is said of the process that called. */
export interface CallerLog {
  isSelf(context: CallContext): boolean;
  fieldsOf(context: CallContext): Readonly<Record<string, unknown>>;
}

/** Logs each failed call once, with who called. A caller that left is no failure, nor is what the agent asks itself. */
export function logFailures(callers: CallerLog, logger: Logger): Interceptor {
  return async (context, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = StatusError.from(thrown);
      if (error.code !== Code.Cancelled && !hasLeft(context) && !callers.isSelf(context)) {
        const [service = "", method = ""] = context.method.slice(1).split("/");
        logger.error(error.message.charAt(0).toUpperCase() + error.message.slice(1), {
          service: service.replace(/^Spiffe/, ""),
          method,
          ...callers.fieldsOf(context),
          ...(error.reason === noIdentityReason && { registered: false }),
          status_code: codeName(error.code),
          ...(error.cause !== undefined && { error: StatusError.from(error.cause).message }),
        });
      }
      throw error;
    }
  };
}

/** Then nothing is known of it any more. */
function hasLeft({ signal }: CallContext): boolean {
  return signal.aborted;
}
