const TRUE = new Set(["true", "yes", "y", "on", "1", "t"]);
const FALSE = new Set(["false", "no", "n", "off", "0", "f"]);

/** true, "yes", "Y", "on", 1, "1" and their opposites; undefined for anything else. */
export function readBoolean(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value === 1 ? true : value === 0 ? false : undefined;
  if (typeof value !== "string" || value.length > 16) return undefined;
  const word = value.trim().toLowerCase();
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
}
