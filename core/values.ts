/** Reads what a customer put into a free-form property where somebody wants one particular type. Nothing here throws. */

export type Scalar = string | number;

/** A string that says something, trimmed; a finite number is written out (ids and postal codes arrive as numbers). */
export function text(value: unknown): string | undefined {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value !== "string") return undefined;
  return value.trim() || undefined;
}

/** A finite number, or a string that is one in plain notation. "1,50" and "$5" are nobody's to guess. */
export function number(value: unknown): number | undefined {
  if (typeof value === "string" && /^[+-]?\d+(\.\d+)?$/.test(value.trim())) return Number(value);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** What fits where only strings and numbers may stand; booleans are written out, objects and arrays are not for it. */
export function scalar(value: unknown): Scalar | undefined {
  if (typeof value === "boolean") return String(value);
  return typeof value === "number" ? number(value) : text(value);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object to read from, empty where there is none. */
export function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

/** The first of these properties that says something. */
export function pick(from: Record<string, unknown>, ...names: string[]): string | undefined {
  for (const name of names) {
    const found = text(from[name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

export type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The same object without the keys that hold `undefined`. */
export function defined<T extends object>(value: T): Defined<T> {
  // By a loop: every event passes here a dozen times, and lists of entries take four times as long.
  const kept: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const held = (value as Record<string, unknown>)[key];
    if (held !== undefined) kept[key] = held;
  }
  return kept as Defined<T>;
}

/** `value`, or undefined where it is an object with no keys. */
export function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length ? value : undefined;
}
