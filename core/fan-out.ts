/**
 * One event made several: an order into one event for each product, brand or retailer. What comes out depends on the parent and the rule
 * alone, ids included: whoever does it again, for a message that came twice, makes the same events, and vendors know them again.
 */
import { SUMS } from "./commerce.ts";
import type { Event } from "./event.ts";
import { sha256 } from "./hash.ts";
import type { FanOutRule } from "./org-data-layer/fan-out.ts";
import { isRecord, number, text } from "./values.ts";

/** However many rules an event meets. */
export const MOST_CHILDREN = 200;

export interface FannedOut {
  children: { event: Event; rule: FanOutRule }[];
  /** Whether the parent itself goes on to integrations. */
  parentGoesOn: boolean;
  /** `order_lines: 3 events`, for the receipt. Absent: no rule was for this event. */
  detail?: string;
}

const NOTHING: FannedOut = { children: [], parentGoesOn: true };

export function fanOut(event: Event, rules: FanOutRule[]): FannedOut {
  if (rules.length === 0 || event.type !== "track") return NOTHING;
  const name = event.event.trim().toLowerCase();
  const children: FannedOut["children"] = [];
  const details: string[] = [];
  let parentGoesOn = true;
  for (const rule of rules) {
    if (!rule.events.some((one) => one.trim().toLowerCase() === name)) continue;
    const parts = partsOf(event, rule);
    const room = Math.min(rule.most, MOST_CHILDREN - children.length);
    const made = parts.slice(0, room).map((part, i) => ({ event: child(event, rule, part, i, parts.length), rule }));
    children.push(...made);
    // A parent without items has no children to go on in its place.
    if (rule.parent === "stays" && parts.length) parentGoesOn = false;
    details.push(`${rule.name}: ${made.length} events${made.length < parts.length ? ` of ${parts.length}` : ""}`);
  }
  return details.length ? { children, parentGoesOn, detail: details.join("; ") } : NOTHING;
}

interface Part {
  /** Names the part within its parent: its place, or the value that its items share. */
  key: string;
  items: Record<string, unknown>[];
}

function partsOf(event: Event, { each, by }: FanOutRule): Part[] {
  const found = each.split(".").reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), event);
  const items = Array.isArray(found) ? found : [];
  if (by === undefined) return items.flatMap((item, i) => (isRecord(item) ? [{ key: String(i), items: [item] }] : []));
  const groups = new Map<string, Record<string, unknown>[]>();
  for (const item of items) {
    const key = isRecord(item) ? text(item[by]) : undefined;
    // Of an item without a brand nobody can tell whose event it would be in.
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups].map(([key, items]) => ({ key, items }));
}

function child(parent: Event, rule: FanOutRule, { key, items }: Part, index: number, of: number): Event {
  const kept = keptOf(parent, rule);
  const value = worthOfItems(items);
  const properties = rule.by === undefined ? { ...kept, ...items[0] } : { ...kept, [rule.by]: key, products: items };
  return {
    ...parent,
    message_id: childId(parent.message_id, rule.name, key),
    event: rule.event,
    properties: { ...properties, ...(value !== undefined && { value }) },
    context: {
      ...parent.context,
      parent: { message_id: parent.message_id, event: parent.event, rule: rule.name, index, of },
    },
    ...(rule.to && { integrations: chosen(rule.to, parent.integrations) }),
  };
}

/** 128 bits of a hash: no two parents' children meet, and no id is longer than an id may be. */
function childId(parentId: string, rule: string, key: string): string {
  return `fo_${sha256(JSON.stringify([parentId, rule, key])).slice(0, 32)}`;
}

function keptOf({ properties }: Event, { keep, each }: FanOutRule): Record<string, unknown> {
  if (keep) return Object.fromEntries(keep.flatMap((name) => (name in properties ? [[name, properties[name]]] : [])));
  const [, array] = each.split(".");
  return Object.fromEntries(Object.entries(properties).filter(([name]) => name !== array && !SUMS.has(name)));
}

/** Price times quantity, where every item has a price: a sum without one of them would be wrong. */
function worthOfItems(items: Record<string, unknown>[]): number | undefined {
  let sum = 0;
  for (const { price, quantity } of items) {
    const each = number(price);
    if (each === undefined) return undefined;
    sum += each * (number(quantity) ?? 1);
  }
  return Math.round(sum * 10_000) / 10_000;
}

/** Only whom the rule names, and of those nobody whom the parent's own choice leaves out. */
function chosen(to: string[], choices: Event["integrations"]): Record<string, unknown> {
  const no = Object.entries(choices ?? {}).filter(([name, choice]) => choice === false && !/^all$/i.test(name));
  const refused = new Set(no.map(([name]) => name.toLowerCase()));
  return Object.fromEntries([
    ["All", false],
    ...to.filter((name) => !refused.has(name.toLowerCase())).map((name) => [name, true]),
  ]);
}
