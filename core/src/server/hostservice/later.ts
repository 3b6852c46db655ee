import { Code, StatusError } from "@finial/sdk";

/** Something a host service needs that is made after the plugins are, from them. */
export class Later<T> {
  #value: T | undefined;

  set(value: T): void {
    this.#value = value;
  }

  /** @throws {StatusError} FailedPrecondition in SPIRE's words, while there is none. */
  get(service: string): T {
    if (this.#value === undefined)
      throw new StatusError(
        Code.FailedPrecondition,
        "HOST_SERVICE_NOT_READY",
        `${service} host service has not been initialized`,
      );
    return this.#value;
  }
}
