import { type Field, int } from "@finial/sdk/hcl";

/** A TCP port, quoted or not. */
export function port(): Field<number | undefined> {
  const inner = int();
  return {
    read: (occurrences, path, report) => {
      const value = inner.read(occurrences, path, report);
      if (value !== undefined && (value < 0 || value > 65_535))
        report.add(occurrences.at(-1)?.value.position, `${path} takes a port from 0 to 65535, not ${value}`);
      return value;
    },
  };
}
