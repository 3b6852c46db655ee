import { CertificateRequest } from "../../crypto/certificate-request.ts";
import {
  basicConstraintsExtension,
  keyUsageExtension,
  subjectAltNameExtension,
} from "../../crypto/x509-extension.ts";
import { decodeConfig, string } from "../../hcl/index.ts";
import { definePlugin, type Plugin } from "../../plugin/define-plugin.ts";
import { UpstreamAuthority } from "../../server.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import { loadPlugin } from "../load-plugin.ts";
import { testCa } from "../test-ca.ts";
import { upstreamAuthorityContract } from "./upstreamauthority.ts";

/** An upstream of the test's own CA. @param full also takes JWT keys and says its bundle. */
async function upstream(full: boolean): Promise<Plugin> {
  const root = await testCa();
  const ca = await root.intermediate("upstream");
  const roots = [{ asn1: root.rootDer }];
  const mint = async (csr: Buffer): Promise<Buffer> => {
    const request = CertificateRequest.parse(csr);
    if (!(await request.verify()))
      throw new StatusError(Code.InvalidArgument, "CSR_SIGNATURE", "the CSR is not signed by its key");
    const { uris } = request.subjectAltName;
    return ca.certify(request.publicKey, {
      subject: request.subject,
      extensions: [
        basicConstraintsExtension(true),
        keyUsageExtension(["keyCertSign", "cRLSign"]),
        subjectAltNameExtension({ uris, dnsNames: [] }, false),
      ],
    });
  };
  return definePlugin({
    type: UpstreamAuthority,
    name: "test",
    parseConfig: (text) => decodeConfig(text, { path: string() }),
    open: () => ({
      service: {
        mintX509CAAndSubscribe: async function* ({ csr }, { signal }) {
          const chain = [await mint(csr), ...ca.chainDer];
          yield { x509CaChain: chain.map((asn1) => ({ asn1 })), upstreamX509Roots: roots };
          // A plugin with updates keeps the stream open.
          if (full) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
        ...(full && {
          publishJWTKeyAndSubscribe: async function* ({ jwtKey }) {
            yield { upstreamJwtKeys: jwtKey === undefined ? [] : [jwtKey] };
          },
          subscribeToLocalBundle: async function* () {
            yield { upstreamX509Roots: roots };
          },
        }),
      },
    }),
  });
}

for (const full of [false, true])
  upstreamAuthorityContract({ load: async () => loadPlugin(await upstream(full), { config: "" }) });
