/** A value as the type that was declared for it, where that leaves no doubt. */
import { readBoolean } from "./normalise/read-boolean.ts";
import { readTimestamp } from "./normalise/read-time.ts";
import type { TypeRule } from "./org-data-layer/types.ts";
import { isRecord, number } from "./values.ts";

/** `as` names the conversion: `string_to_number`. Absent: the value had its type. */
export type Coerced = { ok: true; value: unknown; as?: string } | { ok: false };

const FAILED: Coerced = { ok: false };

export function coerce(value: unknown, type: TypeRule["type"]): Coerced {
  const converted = (to: unknown): Coerced => {
    if (to === undefined) return FAILED;
    return to === value ? { ok: true, value } : { ok: true, value: to, as: `${kindOf(value)}_to_${type}` };
  };
  switch (type) {
    case "string":
      return converted(typeof value === "boolean" || Number.isFinite(value) ? String(value) : textOf(value));
    case "number":
      return converted(number(value));
    case "integer": {
      const read = number(value);
      return converted(Number.isSafeInteger(read) ? read : undefined);
    }
    case "boolean":
      return converted(readBoolean(value));
    case "timestamp":
      return converted(readTimestamp(value));
    case "array":
      // One where a list is wanted is a list of one.
      return Array.isArray(value)
        ? { ok: true, value }
        : converted(value === null ? undefined : (parsed(value, Array.isArray) ?? [value]));
    case "object":
      return isRecord(value) ? { ok: true, value } : converted(parsed(value, isRecord));
  }
}

const textOf = (value: unknown) => (typeof value === "string" ? value : undefined);

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** The server library that sends a list as the JSON of one. */
function parsed(value: unknown, isIt: (parsed: unknown) => boolean): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return undefined;
  try {
    const read: unknown = JSON.parse(value);
    return isIt(read) && levelsOf(read) <= MOST_LEVELS ? read : undefined;
  } catch {
    return undefined;
  }
}

/** What is unpacked must fit an envelope that has nested as deep already. */
const MOST_LEVELS = 8;
function levelsOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(levelsOf));
}
