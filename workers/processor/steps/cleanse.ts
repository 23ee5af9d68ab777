import { keep, type Step } from "../step.ts";

/** Trims text, collapses white space and removes what is empty from `properties` and `traits`; nothing else is touched. */
export const cleanse: Step = {
  name: "cleanse",
  run(event) {
    const changed: string[] = [];
    const properties = cleanObject(event.properties, "properties", changed);
    const traits = event.traits && cleanObject(event.traits, "traits", changed);
    return changed.length ? keep({ ...event, properties, ...(traits && { traits }) }, changed) : keep(event);
  },
};

type Fields = Record<string, unknown>;

function cleanObject(value: Fields, path: string, changed: string[]): Fields {
  const before = changed.length;
  const entries = Object.entries(value)
    .map(([key, inner]) => [key, cleanValue(inner, `${path}.${key}`, changed)] as const)
    .filter(([, clean]) => clean !== undefined);
  return changed.length === before ? value : Object.fromEntries(entries);
}

function cleanValue(value: unknown, path: string, changed: string[]): unknown {
  if (value === null || value === undefined) return gone(path, changed);
  if (typeof value === "string") {
    const text = value.trim().replace(/\s+/g, " ");
    if (text === "") return gone(path, changed);
    if (text !== value) changed.push(path);
    return text;
  }
  if (Array.isArray(value)) {
    const before = changed.length;
    const items = value
      .map((item, i) => cleanValue(item, `${path}.${i}`, changed))
      .filter((item) => item !== undefined);
    return changed.length === before ? value : items;
  }
  if (typeof value === "object") return cleanObject(value as Fields, path, changed);
  return value;
}

function gone(path: string, changed: string[]): undefined {
  changed.push(path);
}
