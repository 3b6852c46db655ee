export type { Clock } from "./plugin/clock.ts";
export {
  type CoreConfig,
  definePlugin,
  type Extension,
  extend,
  type OpenPlugin,
  type Plugin,
  type PluginHost,
  type PluginOptions,
} from "./plugin/define-plugin.ts";
export {
  type LazyLogFields,
  type LogFields,
  type Logger,
  type LogLevel,
  madeFields,
} from "./plugin/logger.ts";
export type { PluginType } from "./plugin/plugin-type.ts";
export { serve } from "./plugin/serve.ts";
export { systemClock } from "./plugin/system-clock.ts";
export type { PartialMessage } from "./rpc/definition.ts";
export type { CallContext, Handlers } from "./rpc/service.ts";
export { Code, codeName } from "./status/code.ts";
export { type StatusDetail, StatusError, type StatusErrorOptions } from "./status/status-error.ts";
