import type { RegistrationEntry, SpiffeId } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, type TestCa, testCa } from "@finial/sdk/testing";
import { fakeAuthorities, fakeSurroundings } from "../../ca/fake-authorities.ts";
import { JwtSvidIssuer } from "../../ca/jwt-svid-issuer.ts";
import { X509SvidIssuer } from "../../ca/x509-svid-issuer.ts";
import { FakeDataStore } from "../../facade/fake-datastore.ts";
import type { KeyType } from "../../facade/keymanager.ts";
import { makeSvidHandlers } from "./handlers.ts";
import type { SvidService } from "./service.ts";

export interface FakeSvidServiceOptions {
  /** What the calling agent may have. */
  readonly entries?: readonly RegistrationEntry[];
  readonly callerId?: SpiffeId;
  readonly rateLimit?: SvidService["rateLimit"];
  readonly disableJwt?: boolean;
  readonly jwtKeyType?: KeyType;
}

let ca: Promise<TestCa> | undefined;

/** The SVID API of a server of `example.org` with a test CA below no other, for tests. */
export async function fakeSvidService(options: FakeSvidServiceOptions = {}) {
  const clock = new FakeClock();
  ca ??= testCa({ clock });
  const { entries = [], callerId, disableJwt = false, jwtKeyType } = options;
  const authorities = await fakeAuthorities(await ca, clock, jwtKeyType === undefined ? {} : { jwtKeyType });
  const surroundings = fakeSurroundings(await ca, clock);
  const store = new FakeDataStore();
  await store.setBundle((await ca).bundle);
  const logger = captureLog();
  const limited: number[] = [];
  const handlers = makeSvidHandlers({
    trustDomain: (await ca).trustDomain,
    x509: new X509SvidIssuer(authorities, surroundings),
    jwt: disableJwt ? undefined : new JwtSvidIssuer(authorities, surroundings),
    authorizedEntries: {
      findAuthorizedEntry: (id, entryId) =>
        callerId?.equals(id) ? entries.find((entry) => entry.id === entryId) : undefined,
    },
    store,
    callerId: () => callerId,
    rateLimit:
      options.rateLimit ??
      (async (_, count) => {
        limited.push(count);
      }),
    logger,
  });
  return { handlers, store, logger, clock, limited, authorities, ca: await ca };
}
