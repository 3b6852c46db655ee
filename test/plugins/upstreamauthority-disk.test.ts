import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseCertificatesPem, toPem } from "@finial/sdk/crypto";
import { verifyX509Svid } from "@finial/sdk/spiffe";
import { testCa } from "@finial/sdk/testing";
import { Deployment } from "../support/deployment.ts";
import { commandsOf, ours, oursInSpire, pluginBlock, serverPlugins, skipOf } from "../support/sides.ts";

const certificatesPem = (ders: readonly Buffer[]): string =>
  ders.map((der) => toPem("CERTIFICATE", der)).join("");

describe('UpstreamAuthority "disk"', () => {
  for (const [half, keyType] of [
    [ours, "ec-p256"],
    [oursInSpire, "ec-p256"],
    [oursInSpire, "rsa-2048"],
  ] as const)
    it(`stands above the CA of a server: in ${half.program}, ${keyType}`, {
      skip: skipOf(half),
    }, async () => {
      const ca = await testCa({ keyType });
      const middle = await ca.intermediate("middle", { keyType });
      await using deployment = await Deployment.create({
        ...commandsOf(half, half),
        serverPlugins: (folder) => {
          const files = { cert: certificatesPem(middle.chainDer), key: "", bundle: ca.rootPem };
          files.key = middle.privateKey.export({ format: "pem", type: "pkcs8" }) as string;
          const keys = Object.entries(files).map(([name, content]) => {
            writeFileSync(join(folder, `${name}.pem`), content);
            return `      ${name}_file_path = "${folder}/${name}.pem"`;
          });
          const place = "server/upstreamauthority/disk";
          return serverPlugins(folder, pluginBlock('UpstreamAuthority "disk"', place, half, keys.join("\n")));
        },
      });
      await deployment.startServer();
      const bundle = await deployment.serverCliOk("bundle", "show");
      assert.deepEqual(parseCertificatesPem(bundle), [ca.rootDer]);

      const spiffeId = "spiffe://example.org/db";
      await deployment.serverCliOk("x509", "mint", "-spiffeID", spiffeId, "-write", deployment.folder);
      const chainDer = parseCertificatesPem(readFileSync(join(deployment.folder, "svid.pem"), "utf8"));
      assert.equal(chainDer.length, 3, "the SVID, the server's CA, the upstream CA");
      assert.ok(chainDer[2]?.equals(middle.chainDer[0] as Buffer));
      const verified = verifyX509Svid({ chainDer, anchorsOf: () => [ca.root], now: new Date() });
      assert.equal(verified.spiffeId.toString(), spiffeId);
    });
});
