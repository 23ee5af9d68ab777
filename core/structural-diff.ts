/** How one JSON value differs from another, place by place: for versions of documents, and for what a step did to an event. */
import { isRecord } from "./values.ts";

export interface Change {
  /** `map.0.set.properties.currency`; empty for the whole value. */
  path: string;
  op: "added" | "removed" | "changed";
  before?: unknown;
  after?: unknown;
}

/** Empty where both say the same. In lists, what was put in or taken out between equal ends counts as that, and not as a change of all behind it. */
export function structuralDiff(before: unknown, after: unknown, path = ""): Change[] {
  if (before === after) return [];
  if (Array.isArray(before) && Array.isArray(after)) return listDiff(before, after, path);
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => {
      const at = path === "" ? key : `${path}.${key}`;
      if (!Object.hasOwn(before, key) || before[key] === undefined)
        return after[key] === undefined ? [] : [{ path: at, op: "added", after: after[key] } as const];
      if (!Object.hasOwn(after, key) || after[key] === undefined)
        return [{ path: at, op: "removed", before: before[key] } as const];
      return structuralDiff(before[key], after[key], at);
    });
  }
  return [{ path, op: "changed", before, after }];
}

const isSame = (a: unknown, b: unknown): boolean => structuralDiff(a, b).length === 0;

function listDiff(before: unknown[], after: unknown[], path: string): Change[] {
  const place = (i: number) => (path === "" ? String(i) : `${path}.${i}`);
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isSame(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && isSame(before[before.length - 1 - end], after[after.length - 1 - end])) end++;
  const old = before.slice(start, before.length - end);
  const fresh = after.slice(start, after.length - end);
  const changes: Change[] = [];
  for (let i = 0; i < Math.max(old.length, fresh.length); i++) {
    const at = place(start + i);
    if (i >= old.length) changes.push({ path: at, op: "added", after: fresh[i] });
    else if (i >= fresh.length) changes.push({ path: at, op: "removed", before: old[i] });
    else changes.push(...structuralDiff(old[i], fresh[i], at));
  }
  return changes;
}

/** As a person reads it: `~ map.0.set.properties.currency: "EUR" → "USD"`. */
export function diffText(changes: Change[]): string {
  const shown = (value: unknown) => {
    const json = JSON.stringify(value) ?? "nothing";
    return json.length > 200 ? `${json.slice(0, 200)}…` : json;
  };
  return changes
    .map(({ path, op, before, after }) => {
      if (op === "added") return `+ ${path}: ${shown(after)}`;
      if (op === "removed") return `- ${path}: ${shown(before)}`;
      return `~ ${path}: ${shown(before)} → ${shown(after)}`;
    })
    .join("\n");
}
