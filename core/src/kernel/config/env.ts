/** Characters that are names of their own after a dollar, as Go's os.Expand has them. */
const special = /^[*#$@!?\-0-9]/;

/**
 * Puts values of environment variables in the place of `$NAME` and `${NAME}`; one that is not set gives nothing, and malformed
 * ones vanish, as with Go's os.Expand.
 */
export function expandEnvironment(text: string, env: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/\$(?:\{([^}]*)\}|(\w+|[*#$@!?-]))?/g, (whole, braced?: string, bare?: string) => {
    if (braced !== undefined) return env[braced] ?? "";
    if (bare === undefined) return whole;
    // `$1x` is the variable 1 and an x.
    if (special.test(bare)) return (env[bare.slice(0, 1)] ?? "") + bare.slice(1);
    return env[bare] ?? "";
  });
}
