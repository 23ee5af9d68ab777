/**
 * Who belongs to a segment, by plain loops over every event of a person: no counters, no profile, nothing kept from one event to the next. What
 * the engine says must be the same.
 */
import type { Comparison } from "../core/comparison.ts";
import type { Event } from "../core/event.ts";
import type { Condition, Leaf } from "../core/segments/definition.ts";

const DAY = 86_400_000;
const time = ({ timestamp }: Event) => Date.parse(timestamp);
const day = (at: number) => Math.floor(at / DAY);
/** Latest last; of one time the greater id. */
const inOrder = (events: Event[]) =>
  events.toSorted((x, y) => time(x) - time(y) || (x.message_id < y.message_id ? -1 : 1));

export function belongs(
  condition: Condition,
  events: Event[],
  segments: Record<string, Condition>,
  now: number,
): boolean {
  if ("not" in condition) return !belongs(condition.not, events, segments, now);
  if ("all" in condition) return condition.all.every((one) => belongs(one, events, segments, now));
  if ("any" in condition) return condition.any.some((one) => belongs(one, events, segments, now));
  if ("segment" in condition) return belongs(segments[condition.segment]!, events, segments, now);
  return holds(condition, events, now);
}

function holds(leaf: Exclude<Leaf, { segment: string }>, events: Event[], now: number): boolean {
  if ("trait" in leaf) {
    let value: unknown;
    for (const event of inOrder(events))
      if (event.traits && leaf.trait in event.traits) value = event.traits[leaf.trait];
    return compares(leaf.value, value);
  }
  if ("consent" in leaf) {
    let value: unknown;
    for (const { context } of inOrder(events)) value = context.consent?.[leaf.consent] ?? value;
    return (value === true) === leaf.granted;
  }
  if ("seen_within_days" in leaf) return events.some((one) => time(one) + leaf.seen_within_days * DAY > now);
  if ("event" in leaf) {
    const { event, within_days, where } = leaf;
    const counted = events.filter((one) => one.event === event && isRecent(one, within_days, now) && fits(one, where));
    return compares(leaf.times, counted.length);
  }
  if ("aggregate" in leaf) return compares(leaf.value, aggregated(leaf, events, now));
  if ("touch" in leaf) {
    // The first is a view or a campaign; the last one that somebody else sent them by.
    const touches = inOrder(events).filter(
      ({ type, context }) => context.campaign || (leaf.touch === "first" && type === "page"),
    );
    const one = leaf.touch === "first" ? touches[0] : touches.at(-1);
    return compares(leaf.value, (one?.context.campaign as Record<string, unknown> | undefined)?.[leaf.field]);
  }
  throw new Error("neither computed traits nor buckets are in the reference");
}

const isRecent = (event: Event, days: number | undefined, now: number) =>
  days === undefined || day(now) - day(time(event)) < days;

const fits = ({ properties }: Event, where: { property: string; value: Comparison }[] = []) =>
  where.every(({ property, value }) => compares(value, properties[property]));

function aggregated(leaf: Extract<Leaf, { aggregate: string }>, events: Event[], now: number): unknown {
  const { aggregate, of, property, within_days, where } = leaf;
  const about = inOrder(events).filter(
    (one) => one.event === of && fits(one, where) && isRecent(one, within_days, now),
  );
  if (aggregate === "days_since") return about.length ? day(now) - day(time(about.at(-1)!)) : undefined;
  const values = about.map(({ properties }) => properties[property!]).filter((one) => one !== undefined);
  const numbers = values.filter((one) => typeof one === "number");
  switch (aggregate) {
    case "sum":
      return numbers.length ? numbers.reduce((sum, one) => sum + one, 0) : undefined;
    case "min":
      return numbers.length ? Math.min(...numbers) : undefined;
    case "max":
      return numbers.length ? Math.max(...numbers) : undefined;
    case "first":
      return values[0];
    case "last":
      return values.at(-1);
    case "unique":
      return values.length ? new Set(values).size : undefined;
    case "most_frequent": {
      const counts = new Map<unknown, number>();
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
      const most = Math.max(...counts.values());
      // Of two as frequent, numbers before texts, then by the alphabet.
      const asText = (value: unknown) => `${typeof value} ${value}`;
      return [...counts]
        .filter(([, count]) => count === most)
        .map(([value]) => value)
        .sort((x, y) => (asText(x) < asText(y) ? -1 : 1))[0];
    }
  }
}

function compares(comparison: Comparison, value: unknown): boolean {
  if (comparison.is === "set") return value !== undefined && value !== null;
  if (comparison.is === "not_set") return value === undefined || value === null;
  if (comparison.is === "not_equal") return !compares({ is: "equal", to: comparison.to }, value);
  if (value === undefined || value === null) return false;
  switch (comparison.is) {
    case "equal":
      return String(value) === String(comparison.to);
    case "one_of":
      return comparison.to.some((one) => String(one) === String(value));
    case "contains":
      return String(value).includes(comparison.to);
    case "starts_with":
      return String(value).startsWith(comparison.to);
    case "matches":
      return new RegExp(comparison.to).test(String(value));
  }
  if (typeof value !== "number") return false;
  const { is, to } = comparison;
  return is === "at_least"
    ? value >= to
    : is === "at_most"
      ? value <= to
      : is === "more_than"
        ? value > to
        : value < to;
}
