import { Code, StatusError } from "@finial/sdk";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import type { CaJournal, DataStore } from "../facade/datastore.ts";

type Store = Pick<
  DataStore,
  "appendBundle" | "findBundle" | "findCaJournal" | "setCaJournal" | "taintX509Authority"
>;

/** What a store keeps of authorities: one bundle, and journals. */
export class FakeAuthorityStore implements Store {
  bundle: Bundle | undefined;
  readonly journals = new Map<number, CaJournal>();
  /** IDs, in the order they came. */
  readonly tainted: string[] = [];
  /** Whether it refuses everything. */
  broken = false;

  async findBundle(_: TrustDomain): Promise<Bundle | undefined> {
    this.#check();
    return this.bundle;
  }

  async appendBundle(addition: Bundle): Promise<Bundle> {
    this.#check();
    const { x509Authorities = [], jwtAuthorities = [] } = this.bundle ?? {};
    const isNew = (der: Buffer): boolean => !x509Authorities.some((one) => one.certificateDer.equals(der));
    this.bundle = {
      ...addition,
      x509Authorities: [
        ...x509Authorities,
        ...addition.x509Authorities.filter((one) => isNew(one.certificateDer)),
      ],
      jwtAuthorities: [
        ...jwtAuthorities,
        ...addition.jwtAuthorities.filter(({ keyId }) => !jwtAuthorities.some((one) => one.keyId === keyId)),
      ],
    };
    return this.bundle;
  }

  async findCaJournal(activeX509AuthorityId: string): Promise<CaJournal | undefined> {
    this.#check();
    return [...this.journals.values()].find(
      (journal) => journal.activeX509AuthorityId === activeX509AuthorityId,
    );
  }

  async setCaJournal(journal: CaJournal): Promise<number> {
    this.#check();
    const id = journal.id === 0 ? this.journals.size + 1 : journal.id;
    this.journals.set(id, { ...journal, id });
    return id;
  }

  async taintX509Authority(_: TrustDomain, subjectKeyId: string): Promise<void> {
    this.#check();
    this.tainted.push(subjectKeyId);
  }

  #check(): void {
    if (this.broken) throw new StatusError(Code.Unavailable, "BROKEN", "datastore-fake: away");
  }
}
