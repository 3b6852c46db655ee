/** gRPC status codes by their standard names and numbers. */
export const Code = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

export type Code = (typeof Code)[keyof typeof Code];

const names = new Map<number, keyof typeof Code>(
  Object.entries(Code).map(([name, code]) => [code, name as keyof typeof Code]),
);

/** The code with this number; a number gRPC does not know becomes Unknown, as gRPC asks for. */
export function toCode(value: number): Code {
  return names.has(value) ? (value as Code) : Code.Unknown;
}

/** The code's name, such as `NotFound`. */
export function codeName(code: Code): keyof typeof Code {
  return names.get(code) ?? "Unknown";
}
