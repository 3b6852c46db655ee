import { StatusError } from "@finial/sdk";

/** Runs a plugin's call and says, once, whose failure it is: `keymanager(disk): …`. */
export async function prefixed<T>(
  plugin: { readonly type: string; readonly name: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw withPluginName(plugin, error);
  }
}

/** The failure with its plugin's name before it; a plugin's own `name: ` goes. */
export function withPluginName(
  { type, name }: { readonly type: string; readonly name: string },
  error: unknown,
): StatusError {
  const status = StatusError.from(error);
  const prefix = `${type.toLowerCase()}(${name}): `;
  if (!status.message.startsWith(`${name}: `)) return status.prefixed(prefix);
  const { code, reason, message, source, details, cause = status } = status;
  return new StatusError(code, reason, prefix + message.slice(name.length + 2), { source, details, cause });
}
