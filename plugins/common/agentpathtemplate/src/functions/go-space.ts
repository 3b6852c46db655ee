/** What Go's unicode.IsSpace takes for space, for character classes of patterns. */
export const goSpace =
  "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
