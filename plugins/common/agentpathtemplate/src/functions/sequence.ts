import { checkLength } from "../length.ts";

/**
 * As the shell's seq, and sprig's: `seq 3` is `1 2 3`.
 *
 * @throws {TypeError} when it would be too long.
 */
export function sequence(numbers: readonly number[]): string {
  const [first = 1, second = 1, third] = numbers;
  if (numbers.length === 0 || numbers.length > 3) return "";
  const [start, end] = numbers.length === 1 ? [1, first] : [first, third ?? second];
  const downwards = end < start;
  const step = numbers.length === 3 ? second : downwards ? -1 : 1;
  if (step === 0 || downwards !== step < 0) return "";
  const count = Math.floor((end - start) / step) + 1;
  checkLength(count * 2);
  return Array.from({ length: count }, (_, index) => start + index * step).join(" ");
}
