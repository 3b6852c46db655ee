import type { Budget } from "./budget.ts";
import { checkDepth, Dict, isList, type Value } from "./value.ts";

/** Whether both are the same all the way down. @throws {TypeError} for what is too deep. */
export function deepEquals(left: Value, right: Value, budget: Budget, depth = 0): boolean {
  budget.spend(1);
  checkDepth(depth);
  if (isList<Value>(left))
    return (
      isList<Value>(right) &&
      left.length === right.length &&
      left.every((each, index) => deepEquals(each, right[index] as Value, budget, depth + 1))
    );
  if (left instanceof Dict)
    return (
      right instanceof Dict &&
      left.size === right.size &&
      [...left].every(
        ([key, each]) => right.has(key) && deepEquals(each, right.get(key) as Value, budget, depth + 1),
      )
    );
  return left === right;
}

/** Puts a value into a map. @throws {TypeError} when the map would then be in itself, or is too deep. */
export function put(map: Dict, entry: readonly [string, Value], budget: Budget): Dict {
  const [key, value] = entry;
  if (holds(value, map, budget, 0)) throw new TypeError("a map cannot be put into itself");
  return map.set(key, value);
}

/** Whether a map is somewhere in a value. */
function holds(value: Value, map: Dict, budget: Budget, depth: number): boolean {
  budget.spend(1);
  checkDepth(depth);
  if (value === map) return true;
  if (isList<Value>(value)) return value.some((each) => holds(each, map, budget, depth + 1));
  return value instanceof Dict && [...value.values()].some((each) => holds(each, map, budget, depth + 1));
}
