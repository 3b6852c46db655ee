import { readFileSync } from "node:fs";
import { invalid } from "../../kernel/config/invalid.ts";

/** @throws {StatusError} InvalidArgument when the file cannot be read, or holds nothing but space. */
export function readJoinToken(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(
      `unable to read join token file "${path}": ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const token = text.trim();
  if (token === "") throw invalid("join token file is empty");
  return token;
}
