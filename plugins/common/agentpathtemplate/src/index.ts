export { makeAgentId } from "./agent-id.ts";
export { AgentPathTemplate } from "./agent-path-template.ts";
export type { TemplateFields } from "./check-fields.ts";
export { TemplateError } from "./template-error.ts";
export type { TemplateData, TemplateRecord } from "./value.ts";
