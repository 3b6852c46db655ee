import assert from "node:assert/strict";
import { Code, codeName } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";

/** Says nothing to whoever called: the plugin's author forgot to choose a code. */
const unchosen: readonly Code[] = [Code.Unknown, Code.Unimplemented];

/**
 * The status with which a call fails: with a code that was chosen and words.
 *
 * @throws {AssertionError} when the call succeeds or its status says nothing.
 */
export async function refusalOf(call: Promise<unknown>): Promise<StatusError> {
  const error = await call.then(
    () => assert.fail("it was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof StatusError, String(error));
  assert.ok(!unchosen.includes(error.code), `${codeName(error.code)} is no answer: ${error.message}`);
  assert.notEqual(error.message, "");
  return error;
}

/** The messages of a stream up to its end. */
export async function messagesOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(stream);
}
