export { makeAgentId } from "./agent-id.ts";
export { AgentPathTemplate } from "./agent-path-template.ts";
export { TemplateError } from "./template-error.ts";
export type { TemplateValue } from "./value.ts";
