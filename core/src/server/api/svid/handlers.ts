import type { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import type { Handlers } from "@finial/sdk/internal";
import { batchNewX509Svid } from "./batch-new-x509-svid.ts";
import { mintJwtSvid } from "./mint-jwt-svid.ts";
import { mintX509Svid } from "./mint-x509-svid.ts";
import { newDownstreamX509Ca } from "./new-downstream-x509-ca.ts";
import { newJwtSvid } from "./new-jwt-svid.ts";
import type { SvidService } from "./service.ts";
import { witSvidsDisabled } from "./wit-svid.ts";

export type { SvidService } from "./service.ts";

/** The handlers of `spire.api.server.svid.v1.SVID`. */
export function makeSvidHandlers(service: SvidService): Handlers<typeof SVIDDefinition> {
  return {
    mintX509SVID: mintX509Svid(service),
    mintJWTSVID: mintJwtSvid(service),
    mintWITSVID: witSvidsDisabled,
    batchNewX509SVID: batchNewX509Svid(service),
    newJWTSVID: newJwtSvid(service),
    batchNewWITSVID: witSvidsDisabled,
    newDownstreamX509CA: newDownstreamX509Ca(service),
  };
}
