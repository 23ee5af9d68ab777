/**
 * A query over one shard's columns: one scan for all cards. Sessions, and the visitors of sessions, count when the session began; page
 * views, events and money when they happened. Where a card asks by page or by event, everything counts by its steps.
 * A visitor is in one shard only, so that distinct visitors of shards add up.
 */
import { DistinctPairs } from "./distinct-pairs.ts";
import { type Passes, passesOf } from "./filters.ts";
import type { Card, Dimension, Filter, SessionDimension } from "./query.ts";
import { type Dictionaries, ORDER, PAGE, REFUND, type SessionColumns } from "./session-columns.ts";
import type { Bucket, Zone } from "./time-buckets.ts";

/** Sums of a group. In this order. */
export const SUMS = [
  "visitors",
  "new_visitors",
  "sessions",
  "bounces",
  "engaged_s",
  "page_views",
  "events",
  "orders",
  "revenue",
  "refunds",
  "refunded",
  "conversions",
  "converted_sessions",
] as const;
const AT = Object.fromEntries(SUMS.map((name, i) => [name, i])) as Record<(typeof SUMS)[number], number>;

/** A group of a card: what it is of (texts, and the bucket's number where there is an interval), and its sums in the order of SUMS. */
export interface Group {
  key: (string | number)[];
  sums: number[];
}
export interface PartialAnswer {
  groups: Group[];
  /** Sessions in the range of which some steps are not remembered. */
  cut: number;
  /** Groups beyond MOST_GROUPS were left out. */
  isFull: boolean;
}

export interface Scan {
  range: Bucket;
  zone: Zone;
  filter?: Filter | undefined;
  cards: { card: Card; buckets: Bucket[] | undefined }[];
}

/** Of one card in one shard, with its buckets of time. */
const MOST_GROUPS = 200_000;

/** `isHere`: whose sessions count; absent: everybody's. */
export function evaluate(
  blocks: SessionColumns[],
  dictionaries: Dictionaries,
  scan: Scan,
  isHere?: (anonymousId: string) => boolean,
): PartialAnswer[] {
  const here = isHere && Uint8Array.from(dictionaries.visitors.values, (id) => Number(isHere(id)));
  const { range, filter } = scan;
  const common = filter && passesOf(filter, dictionaries);
  const cards = scan.cards.map(({ card, buckets }) => new CardScan(card, buckets, dictionaries, scan));
  let cut = 0;
  for (const block of blocks) {
    if (block.to < range.from || block.from >= range.to) continue;
    cut += block.cut;
    const passes = common?.in(block);
    const scans = cards.map((card) => card.in(block));
    const { start, end } = block;
    for (let i = 0; i < block.count; i++) {
      if (end[i]! < range.from || start[i]! >= range.to) continue;
      if (here && !here[block.visitor[i]!]) continue;
      if (passes && !passes(i)) continue;
      for (const scan of scans) scan(i);
    }
  }
  return cards.map((card) => card.answer(cut));
}

class CardScan {
  readonly #dictionaries: Dictionaries;
  readonly #range: Bucket;
  readonly #zone: Zone;
  readonly #buckets: Bucket[] | undefined;
  readonly #dimensions: Dimension[];
  readonly #passes: Passes | undefined;
  readonly #hasSteps: boolean;
  /** Whether a session's own sums will do for steps, where all of it lies in one group. */
  readonly #isByTime: boolean;
  readonly #goal: { kind: "page" | "event"; code: number } | undefined;
  readonly #groups = new Map<number, number>();
  readonly #nested = new Map<number, Map<number, number>>();
  readonly #keys: number[][] = [];
  readonly #sums: Float64Array[] = [];
  readonly #visitors = new DistinctPairs();
  readonly #newVisitors = new DistinctPairs();
  /** By group: the session that counted there last. Of a scan's sessions each has another number. */
  readonly #lastSession: number[] = [];
  readonly #lastConverted: number[] = [];
  #session = 0;
  #isFull = false;

  constructor(card: Card, buckets: Bucket[] | undefined, dictionaries: Dictionaries, { range, zone }: Scan) {
    this.#dictionaries = dictionaries;
    this.#range = range;
    this.#zone = zone;
    this.#buckets = buckets;
    this.#dimensions = card.dimensions;
    this.#passes = card.filter && passesOf(card.filter, dictionaries);
    this.#hasSteps = card.dimensions.some((name) => name === "page" || name === "event");
    this.#isByTime = buckets !== undefined || card.dimensions.some((name) => name === "hour" || name === "weekday");
    const { goal } = card;
    if (goal?.page !== undefined) this.#goal = { kind: "page", code: dictionaries.pages.codeOf(goal.page) };
    else if (goal?.event !== undefined) this.#goal = { kind: "event", code: dictionaries.events.codeOf(goal.event) };
  }

  in(block: SessionColumns): (i: number) => void {
    const { from, to } = this.#range;
    const passes = this.#passes?.in(block);
    const columns = this.#dimensions.map((name) =>
      name in block.dimensions ? block.dimensions[name as SessionDimension] : undefined,
    );
    const { start, end, firstStep, stepAt, stepKind, stepName, stepValue, visitor, number } = block;

    const groupAt = (i: number, at: number, step: number): number => {
      const key: number[] = [];
      if (this.#buckets) key.push(this.#bucketAt(at));
      for (let d = 0; d < columns.length; d++) {
        const name = this.#dimensions[d]!;
        if (columns[d]) key.push(columns[d]![i]!);
        else if (name === "hour") key.push(Math.floor(modulo(this.#zone.localOf(at), DAY) / HOUR));
        else if (name === "weekday") key.push(new Date(this.#zone.localOf(at)).getUTCDay());
        else if ((name === "page") !== (stepKind[step] === PAGE)) return -1;
        else key.push(stepName[step]!);
      }
      return this.#groupOf(key);
    };
    const countSession = (group: number, i: number) => {
      const sums = this.#sums[group]!;
      sums[AT.sessions]!++;
      sums[AT.bounces]! += block.isBounce[i]!;
      sums[AT.engaged_s]! += block.engagedS[i]!;
      if (this.#visitors.add(group, visitor[i]!)) sums[AT.visitors]!++;
      if (number[i] === 1 && this.#newVisitors.add(group, visitor[i]!)) sums[AT.new_visitors]!++;
    };
    const countStep = (group: number, step: number) => {
      const sums = this.#sums[group]!;
      const kind = stepKind[step]!;
      sums[AT.events]!++;
      if (kind === PAGE) sums[AT.page_views]!++;
      else if (kind === ORDER) {
        sums[AT.orders]!++;
        sums[AT.revenue]! += stepValue[step]!;
      } else if (kind === REFUND) {
        sums[AT.refunds]!++;
        sums[AT.refunded]! += stepValue[step]!;
      }
      if (this.#goal && stepName[step] === this.#goal.code && (kind === PAGE) === (this.#goal.kind === "page")) {
        sums[AT.conversions]!++;
        if (this.#lastConverted[group] !== this.#session) sums[AT.converted_sessions]!++;
        this.#lastConverted[group] = this.#session;
      }
    };

    return (i) => {
      if (passes && !passes(i)) return;
      this.#session++;
      const isWithin = start[i]! >= from && end[i]! < to;
      if (!this.#hasSteps && start[i]! >= from && start[i]! < to) {
        const group = groupAt(i, start[i]!, -1);
        if (group >= 0) countSession(group, i);
        if (group >= 0 && isWithin && !this.#isByTime && !this.#goal) {
          const sums = this.#sums[group]!;
          sums[AT.page_views]! += block.views[i]!;
          // Steps, as where they are counted one by one: what is neither a page nor done (an identify) is none.
          sums[AT.events]! += firstStep[i + 1]! - firstStep[i]!;
          sums[AT.orders]! += block.orders[i]!;
          sums[AT.revenue]! += block.revenue[i]!;
          sums[AT.refunds]! += block.refunds[i]!;
          sums[AT.refunded]! += block.refunded[i]!;
          return;
        }
      }
      for (let step = firstStep[i]!; step < firstStep[i + 1]!; step++) {
        const at = stepAt[step]!;
        if (at < from || at >= to) continue;
        const group = groupAt(i, at, step);
        if (group < 0) continue;
        if (this.#hasSteps && this.#lastSession[group] !== this.#session) {
          this.#lastSession[group] = this.#session;
          countSession(group, i);
        }
        countStep(group, step);
      }
    };
  }

  #bucketAt(at: number): number {
    const buckets = this.#buckets!;
    let low = 0;
    let high = buckets.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (buckets[middle]!.from <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The group's number; -1 where there are too many. */
  #groupOf(key: number[]): number {
    const [a = 0, b = 0, c] = key;
    let known = this.#groups;
    if (c !== undefined) {
      known = this.#nested.get(c) ?? new Map();
      this.#nested.set(c, known);
    }
    // Codes are below 2^26: a shard has no memory for more texts.
    const name = a * 2 ** 26 + b;
    let group = known.get(name);
    if (group === undefined) {
      if (this.#keys.length >= MOST_GROUPS) {
        this.#isFull = true;
        return -1;
      }
      group = this.#keys.push(key) - 1;
      this.#sums.push(new Float64Array(SUMS.length));
      known.set(name, group);
    }
    return group;
  }

  answer(cut: number): PartialAnswer {
    const texts = this.#dimensions.map((name) => {
      if (name === "page") return this.#dictionaries.pages.values;
      if (name === "event") return this.#dictionaries.events.values;
      return name === "hour" || name === "weekday" ? undefined : this.#dictionaries.dimensions[name].values;
    });
    const skip = this.#buckets ? 1 : 0;
    const groups = this.#keys.map((key, group) => ({
      key: key.map((code, k) => (k < skip ? code : (texts[k - skip]?.[code] ?? String(code)))),
      sums: [...this.#sums[group]!],
    }));
    return { groups, cut, isFull: this.#isFull };
  }
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const modulo = (value: number, by: number) => ((value % by) + by) % by;
