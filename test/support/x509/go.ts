import { runCommand } from "../child.ts";
import { buildGoProgram } from "../go-program.ts";
import type { CertificateReader } from "./reading.ts";

/** Go's crypto/x509. @throws {Skipped} where there is no Go. */
export async function goReader(): Promise<CertificateReader> {
  const program = await buildGoProgram("x509check");
  return {
    name: "Go's crypto/x509",
    read: async (chainPem, rootsPath) => {
      const { status, stdout, stderr } = await runCommand([program, "-roots", rootsPath], {
        input: chainPem,
      });
      if (status !== 0) throw new Error(`Go's crypto/x509: ${stderr}`);
      return JSON.parse(stdout);
    },
  };
}
