import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import type { Scenario } from "../support/scenario.ts";

/** How long a rotation may take to come after the server is back. */
const limitMs = 10_000;

export const scenario: Scenario = {
  title: "an agent serves cached SVIDs while its server is down, and rotates within 10 s of its return",
  quick: true,
  async run({ full, step, say }) {
    await using deployment = await Deployment.create();
    await deployment.startServer();
    await deployment.startAgent();
    await deployment.createEntry("/cached", [`unix:uid:${process.getuid?.()}`], "-x509SVIDTTL", "40");
    step("a server, an agent, and a workload with SVIDs of 40 s");
    const first = await eventually(() => fetchX509(deployment), { timeoutMs: 15_000 });
    say(`serial ${first.serialNumber}`);

    const rounds = full ? 5 : 1;
    let worstMs = 0;
    let fetches = 0;
    for (let round = 1; round <= rounds; round++) {
      const before = await fetchX509(deployment);
      await deployment.server?.kill();
      step(`the server is gone (round ${round} of ${rounds})`);
      // Past half its life, so that the agent wants a new one and cannot have it.
      const rotationDue =
        before.validFromDate.getTime() +
        (before.validToDate.getTime() - before.validFromDate.getTime()) * 0.56;
      while (Date.now() < rotationDue) {
        const served = await fetchX509(deployment);
        fetches++;
        if (served.serialNumber !== before.serialNumber) throw new Error("a new SVID without a server");
        await sleep(500);
      }
      say(
        `served from the cache until ${Math.round((before.validToDate.getTime() - Date.now()) / 1000)} s before its expiry`,
      );

      await deployment.startServer();
      const backAt = performance.now();
      await eventually(
        async () => {
          if ((await fetchX509(deployment)).serialNumber === before.serialNumber)
            throw new Error("no rotation after the server's return");
        },
        { timeoutMs: limitMs },
      );
      const rotatedMs = performance.now() - backAt;
      worstMs = Math.max(worstMs, rotatedMs);
      step(`rotated ${(rotatedMs / 1000).toFixed(1)} s after the server was back`);
    }
    if (worstMs > limitMs) throw new Error(`rotation took ${worstMs} ms`);
    return `${fetches} fetches served without a server, rotation at most ${(worstMs / 1000).toFixed(1)} s after its return`;
  },
};

async function fetchX509(deployment: Deployment): Promise<X509Certificate> {
  await deployment.agentCliOk("api", "fetch", "x509", "-silent", "-write", deployment.folder);
  return new X509Certificate(readFileSync(join(deployment.folder, "svid.0.pem")));
}
