import type { HealthCheck } from "../health/health-checks.ts";
import type { Catalog } from "./catalog.ts";

/** Whether all plugins serve. A daemon lives on without one, and is not ready meanwhile. */
export function pluginsCheck(catalog: Pick<Catalog, "checkPlugins">): HealthCheck {
  return { name: "plugins", readinessOnly: true, check: async () => catalog.checkPlugins() };
}

/** A check that is passed where it fails while a plugin is out of service: what is wrong then is said by {@link pluginsCheck}. */
export function besidesPlugins(
  catalog: Pick<Catalog, "problems">,
  check: HealthCheck["check"],
): HealthCheck["check"] {
  return async (signal) => {
    try {
      await check(signal);
    } catch (error) {
      if (catalog.problems.length === 0) throw error;
    }
  };
}
