import { Code, StatusError } from "@finial/sdk";
import { type PackageId, printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import type { Provenance } from "../../../kernel/pluginstore/plugin-lock.ts";

/** What an operator demands to know of where a package comes from. */
export class ProvenancePolicy {
  /** Whether a package without is refused. */
  readonly required: boolean;
  /** The repository it has to be built from, as its provenance says it; "": any. */
  readonly source: string;

  constructor({ required, source }: { readonly required: boolean; readonly source: string }) {
    this.required = required || source !== "";
    this.source = source;
  }

  /** @throws {StatusError} FailedPrecondition `PLUGIN_PROVENANCE`. */
  require(id: PackageId, provenance: Provenance | undefined): void {
    const title = printPackageId(id);
    if (provenance === undefined && this.required)
      throw refused(`${title} has no provenance: nothing says what it was built from, or by whom`);
    if (provenance !== undefined && this.source !== "" && plain(provenance.source) !== plain(this.source))
      throw refused(
        `${title} was built from ${provenance.source || "nobody says what"}, not from ${this.source}`,
      );
  }
}

/** One repository is written in several ways: `git+https://…`, with `.git` or a branch at the end. */
function plain(source: string): string {
  return source
    .replace(/^git\+/, "")
    .replace(/@refs\/.*$/, "")
    .replace(/(\.git)?\/?$/, "");
}

function refused(message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, "PLUGIN_PROVENANCE", message);
}
