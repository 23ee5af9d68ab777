/**
 * Traits that nobody sends, because they follow from events: how many orders, how much in the last 90 days, which
 * category most often. What is stored of one is daily sums and such, never its events, and by rules that look at what
 * the events say, never at when they arrive: the same events in any order leave the same aggregate, and two aggregates
 * of different events join to the one of them all. So a merged person's trait is the join of its parts'.
 *
 * A day is a UTC day, counted from 1970. What is older than DAYS before the newest day of an aggregate is one sum.
 */
import * as z from "zod";
import { type Comparison, comparison, compileComparison } from "./comparison.ts";
import { compiledOnce } from "./compiled-once.ts";
import { hash64 } from "./hash.ts";
import { compare } from "./identity-graph.ts";
import { type Scalar, scalar, number as toNumber } from "./values.ts";

export const COMPUTED_KINDS = [
  "count",
  "sum",
  "min",
  "max",
  "last",
  "first",
  "unique",
  "most_frequent",
  "days_since",
] as const;
export type ComputedKind = (typeof COMPUTED_KINDS)[number];

const WITHOUT_PROPERTY: readonly ComputedKind[] = ["count", "days_since"];

/** How far back a window reaches, and how many days are told apart. */
const DAYS = 366;
/** Values told apart by `unique`. Beyond, the count says "at least", and counts those seen last. */
export const UNIQUE_VALUES = 500;
/**
 * Values that `most_frequent` counts. Beyond, those with the lowest hashes are counted, exactly, and the others not at
 * all: whichever were chosen by how they stand would depend on the order in which they came.
 */
export const FREQUENT_VALUES = 20;
const VALUE_LENGTH = 256;
/** A sum is of whole millionths, because adding fractions gives another result in another order. */
const MILLIONTHS = 1_000_000;
const LARGEST = 1e15;

/** Which events count: those whose properties, at the top level, are all like this. */
export const propertyFilters = z
  .array(z.strictObject({ property: z.string().min(1).max(256), value: comparison }))
  .min(1)
  .max(5);
type PropertyFilters = readonly { property: string; value: Comparison }[];

export const computedTrait = z
  .object({
    name: z.string().min(1).max(64),
    kind: z.enum(COMPUTED_KINDS),
    /** As in the event's `event`: the name of a track, else its type. */
    event: z.string().min(1).max(256),
    /** Of the event's properties, at the top level. */
    property: z.string().min(1).max(256).optional(),
    /** Whole UTC days, today included; absent: ever. */
    window_days: z.int().min(1).max(DAYS).optional(),
    where: propertyFilters.optional(),
  })
  .refine(
    ({ kind, property }) => WITHOUT_PROPERTY.includes(kind) === (property === undefined),
    "count and days_since are of events and take no property; every other kind needs one",
  );
export type ComputedTrait = z.infer<typeof computedTrait>;

export const computedTraits = z
  .array(computedTrait)
  .max(25)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "two computed traits have one name")
  .default([]);

/** Which aggregate a trait is read from. Windows share one, and a trait that is declared anew finds what was there. */
export function aggregateKey({ kind, event, property, where }: ComputedTrait): string {
  return `${kind}\n${event}\n${property ?? ""}${where ? `\n${JSON.stringify(where)}` : ""}`;
}

/** What an event says to one aggregate. */
export interface Said {
  at: number;
  message_id: string;
  value: Scalar;
}

/** What an event has for a trait: undefined where it is about another event, or has no such value. */
export function valueFor(
  { kind, event, property, where }: ComputedTrait,
  of: { event: string; properties: Record<string, unknown> },
): Scalar | undefined {
  if (of.event !== event) return undefined;
  if (where && !isOfFilters(where)(of.properties)) return undefined;
  if (property === undefined) return 1;
  const held = Object.hasOwn(of.properties, property) ? of.properties[property] : undefined;
  if (kind === "sum" || kind === "min" || kind === "max") {
    const found = toNumber(held);
    return found !== undefined && Math.abs(found) <= LARGEST ? found : undefined;
  }
  const found = scalar(held);
  return typeof found === "string" ? cut(found) : found;
}

const isOfFilters = compiledOnce((where: PropertyFilters) => {
  const tests = where.map(({ property, value }) => ({ property, test: compileComparison(value) }));
  return (properties: Record<string, unknown>) =>
    tests.every(({ property, test }) => test(Object.hasOwn(properties, property) ? properties[property] : undefined));
});

/** Half a surrogate pair at the end would not survive UTF-8. */
function cut(value: string): string {
  return value.slice(0, VALUE_LENGTH).toWellFormed();
}

export function dayOf(at: number): number {
  return Math.floor(at / 86_400_000);
}

/** What is older than the days that are told apart. */
const OLDER = -1;

type Moment = [at: number, message_id: string, value: Scalar];

/** One aggregate as JSON: what there is of each kind, sorted. */
export type AggregateJson =
  | { days: [day: number, value: number | string | Moment][] }
  | { last: Moment }
  | { values: [hash: string, last_day: number][]; more?: true }
  | { counts: [value: Scalar, days: [day: number, count: number][]][]; more?: true };

interface Aggregate {
  add(said: Said): void;
  join(other: this): void;
  /** Over the days from `from` on; undefined where there is nothing to say. */
  read(from: number): { value: Scalar; at_least?: true } | undefined;
  toJSON(): AggregateJson;
}

/** One value a day, of which two make one: count, sum, min, max, first. */
class Daily<T extends number | string | Moment> implements Aggregate {
  readonly #days = new Map<number, T>();
  readonly #of: (said: Said) => T;
  readonly #both: (one: T, other: T) => T;
  readonly #shown: (value: T) => Scalar;
  #newest = 0;

  constructor(of: (said: Said) => T, both: (one: T, other: T) => T, shown: (value: T) => Scalar) {
    this.#of = of;
    this.#both = both;
    this.#shown = shown;
  }

  add(said: Said): void {
    this.put(dayOf(said.at), this.#of(said));
  }

  put(day: number, value: T): void {
    if (day > this.#newest) {
      this.#newest = day;
      for (const [known, held] of this.#days) {
        if (known === OLDER || known > day - DAYS) continue;
        this.#days.delete(known);
        this.#set(OLDER, held);
      }
    }
    this.#set(day > this.#newest - DAYS ? day : OLDER, value);
  }

  #set(day: number, value: T): void {
    const known = this.#days.get(day);
    this.#days.set(day, known === undefined ? value : this.#both(known, value));
  }

  join(other: this): void {
    for (const [day, value] of other.#days) if (day !== OLDER) this.put(day, value);
    const older = other.#days.get(OLDER);
    if (older !== undefined) this.#set(OLDER, older);
  }

  read(from: number): { value: Scalar } | undefined {
    let found: T | undefined;
    for (const [day, value] of this.#days) {
      if (day < from && from !== OLDER) continue;
      found = found === undefined ? value : this.#both(found, value);
    }
    return found === undefined ? undefined : { value: this.#shown(found) };
  }

  toJSON(): AggregateJson {
    return { days: [...this.#days].sort(([x], [y]) => x - y) };
  }
}

/** The last one: in a window it is the same one, or none. */
class Last implements Aggregate {
  #last: Moment | undefined;
  readonly #shown: (last: Moment) => Scalar;

  constructor(shown: (last: Moment) => Scalar) {
    this.#shown = shown;
  }

  add({ at, message_id, value }: Said): void {
    this.put([at, message_id, value]);
  }

  put(moment: Moment): void {
    if (!this.#last || compareMoments(moment, this.#last) > 0) this.#last = moment;
  }

  join(other: this): void {
    if (other.#last) this.put(other.#last);
  }

  read(from: number): { value: Scalar } | undefined {
    if (!this.#last || dayOf(this.#last[0]) < from) return undefined;
    return { value: this.#shown(this.#last) };
  }

  toJSON(): AggregateJson {
    return { last: this.#last! };
  }
}

/**
 * Values by hash, each with the last day it was seen on. Of more than UNIQUE_VALUES the ones seen last stay: a day only
 * ever grows, so one that is left out would be left out in any order.
 */
class Unique implements Aggregate {
  readonly #lastDay = new Map<string, number>();
  #more = false;

  add({ at, value }: Said): void {
    const { high, low } = hash64(`${typeof value} ${value}`);
    this.put(high.toString(36) + low.toString(36).padStart(7, "0"), dayOf(at));
    this.trim();
  }

  put(hash: string, day: number): void {
    this.#lastDay.set(hash, Math.max(day, this.#lastDay.get(hash) ?? 0));
  }

  trim(more = false): void {
    this.#more ||= more || this.#lastDay.size > UNIQUE_VALUES;
    if (this.#lastDay.size <= UNIQUE_VALUES) return;
    const excess = [...this.#lastDay].sort(([x, a], [y, b]) => b - a || compare(x, y)).slice(UNIQUE_VALUES);
    for (const [hash] of excess) this.#lastDay.delete(hash);
  }

  join(other: this): void {
    for (const [hash, day] of other.#lastDay) this.put(hash, day);
    this.trim(other.#more);
  }

  read(from: number): { value: Scalar; at_least?: true } | undefined {
    let count = 0;
    for (const day of this.#lastDay.values()) if (day >= from) count++;
    if (!count) return undefined;
    return { value: count, ...(this.#more && count === UNIQUE_VALUES && { at_least: true as const }) };
  }

  toJSON(): AggregateJson {
    const values = [...this.#lastDay].sort(([x], [y]) => compare(x, y));
    return { values, ...(this.#more && { more: true as const }) };
  }
}

class Frequent implements Aggregate {
  readonly #counts = new Map<Scalar, Daily<number>>();
  #more = false;

  add({ at, value }: Said): void {
    this.put(value, dayOf(at), 1);
    this.trim();
  }

  put(value: Scalar, day: number, count: number): void {
    const days = this.#counts.get(value) ?? counts();
    days.put(day, count);
    this.#counts.set(value, days);
  }

  trim(more = false): void {
    this.#more ||= more || this.#counts.size > FREQUENT_VALUES;
    if (this.#counts.size <= FREQUENT_VALUES) return;
    const excess = [...this.#counts.keys()].sort(byHash).slice(FREQUENT_VALUES);
    for (const value of excess) this.#counts.delete(value);
  }

  join(other: this): void {
    for (const [value, days] of other.#counts) {
      const known = this.#counts.get(value) ?? counts();
      known.join(days);
      this.#counts.set(value, known);
    }
    this.trim(other.#more);
  }

  /** Of two that are as frequent, the first in the alphabet. */
  read(from: number): { value: Scalar; at_least?: true } | undefined {
    let found: { value: Scalar; count: number } | undefined;
    for (const [value, days] of this.#counts) {
      const count = Number(days.read(from)?.value ?? 0);
      if (count > (found?.count ?? 0) || (found && count === found.count && compareScalars(value, found.value) < 0))
        found = { value, count };
    }
    return found && { value: found.value, ...(this.#more && { at_least: true as const }) };
  }

  toJSON(): AggregateJson {
    return {
      counts: [...this.#counts]
        .sort(([x], [y]) => compareScalars(x, y))
        .map(([value, days]) => [value, (days.toJSON() as { days: [number, number][] }).days]),
      ...(this.#more && { more: true as const }),
    };
  }
}

function compareMoments([at, message, value]: Moment, [otherAt, otherMessage, otherValue]: Moment): number {
  return at - otherAt || compare(message, otherMessage) || compareScalars(value, otherValue);
}

function compareScalars(x: Scalar, y: Scalar): number {
  return compare(typeof x, typeof y) || compare(String(x), String(y));
}

function byHash(x: Scalar, y: Scalar): number {
  const [a, b] = [hash64(String(x)), hash64(String(y))];
  return a.high - b.high || a.low - b.low || compareScalars(x, y);
}

const asNumber = ({ value }: Said) => Number(value);
const counts = () =>
  new Daily<number>(
    () => 1,
    (x, y) => x + y,
    (n) => n,
  );

const MAKE: Record<ComputedKind, () => Aggregate> = {
  count: counts,
  sum: () =>
    new Daily<string>(
      ({ value }) => String(BigInt(Math.round(Number(value) * MILLIONTHS))),
      (x, y) => String(BigInt(x) + BigInt(y)),
      (sum) => Number(sum) / MILLIONTHS,
    ),
  min: () => new Daily<number>(asNumber, Math.min, (n) => n),
  max: () => new Daily<number>(asNumber, Math.max, (n) => n),
  first: () =>
    new Daily<Moment>(
      ({ at, message_id, value }) => [at, message_id, value],
      (x, y) => (compareMoments(x, y) <= 0 ? x : y),
      ([, , value]) => value,
    ),
  last: () => new Last(([, , value]) => value),
  days_since: () => new Last(([at]) => dayOf(at)),
  unique: () => new Unique(),
  most_frequent: () => new Frequent(),
};

/** One part of a profile: its aggregates by `aggregateKey`. */
export class ComputedTraits {
  readonly #aggregates = new Map<string, Aggregate>();

  add(key: string, said: Said): void {
    this.#at(key).add(said);
  }

  join(other: ComputedTraits): void {
    for (const [key, aggregate] of other.#aggregates) this.#at(key).join(aggregate);
  }

  /** `at_least`: more values came than are told apart. */
  read(trait: ComputedTrait, now: number): { value: Scalar; at_least?: true } | undefined {
    const today = dayOf(now);
    const found = this.#aggregates
      .get(aggregateKey(trait))
      ?.read(trait.window_days === undefined ? OLDER : today - trait.window_days + 1);
    return found && trait.kind === "days_since" ? { value: Math.max(0, today - Number(found.value)) } : found;
  }

  toJSON(): [key: string, aggregate: AggregateJson][] {
    return [...this.#aggregates].sort(([x], [y]) => compare(x, y)).map(([key, one]) => [key, one.toJSON()]);
  }

  static fromJSON(json: readonly [key: string, aggregate: AggregateJson][]): ComputedTraits {
    const computed = new ComputedTraits();
    for (const [key, stored] of json) {
      const aggregate = computed.#at(key);
      if ("last" in stored) (aggregate as Last).put(stored.last);
      else if ("values" in stored) {
        for (const [hash, day] of stored.values) (aggregate as Unique).put(hash, day);
        (aggregate as Unique).trim(stored.more);
      } else if ("counts" in stored) {
        for (const [value, days] of stored.counts)
          for (const one of fromOlder(days)) (aggregate as Frequent).put(value, ...one);
        (aggregate as Frequent).trim(stored.more);
      } else for (const one of fromOlder(stored.days)) (aggregate as Daily<(typeof one)[1]>).put(...one);
    }
    return computed;
  }

  #at(key: string): Aggregate {
    const known = this.#aggregates.get(key) ?? MAKE[key.slice(0, key.indexOf("\n")) as ComputedKind]();
    this.#aggregates.set(key, known);
    return known;
  }
}

/** The newest first, so that what is older is put where it belongs. */
function fromOlder<T>(days: readonly T[]): T[] {
  return days.toReversed();
}
