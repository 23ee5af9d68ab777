/**
 * One card over a shard's columns. What it counts by is one number, its key: the codes of its dimensions in a number system of mixed
 * radix, time in the last place. Nothing is allocated for a session or a step.
 */
import { DistinctPairs } from "./distinct-pairs.ts";
import type { Group, PartialAnswer, Scan } from "./evaluate.ts";
import { type Filtered, filteredOf } from "./filters.ts";
import { GroupIndex } from "./group-index.ts";
import type { Card, Dimension, SessionDimension } from "./query.ts";
import { type Dictionaries, ORDER, PAGE, REFUND, type SessionColumns } from "./session-columns.ts";
import { AT, needsOf, SUMS } from "./sums.ts";
import type { Bucket } from "./time-buckets.ts";
import { TimeCells } from "./time-cells.ts";

/** Of one card in one shard, with its buckets of time. */
const MOST_GROUPS = 200_000;
const WIDTH = SUMS.length;
const NO_GOAL = -1;

export class CardScan {
  readonly #dictionaries: Dictionaries;
  readonly #range: Bucket;
  readonly #cells: TimeCells;
  readonly #hasBuckets: boolean;
  readonly #dimensions: Dimension[];
  /** Of a session, with what each code counts in the key. */
  readonly #places: { name: SessionDimension; texts: string[]; worth: number }[] = [];
  readonly #step: { kind: "page" | "event"; texts: string[]; worth: number } | undefined;
  readonly #isImpossible: boolean;
  readonly #filter: Filtered | undefined;
  readonly #needs: ReturnType<typeof needsOf>;
  readonly #goalIsPage: boolean = false;
  readonly #goal: number = NO_GOAL;
  readonly #groups: GroupIndex;
  readonly #visitors: DistinctPairs;
  readonly #newVisitors: DistinctPairs;
  #sums = new Float64Array(64 * WIDTH);
  /** By group: the session that counted there last, and the last that converted. Of a scan's sessions each has another number. */
  #lastSession = new Int32Array(64);
  #lastConverted = new Int32Array(64);
  #session = 0;

  constructor(card: Card, buckets: Bucket[] | undefined, dictionaries: Dictionaries, { range, zone }: Scan) {
    this.#dictionaries = dictionaries;
    this.#range = range;
    this.#cells = new TimeCells(buckets, card.dimensions, zone);
    this.#hasBuckets = buckets !== undefined;
    this.#dimensions = card.dimensions;
    this.#filter = card.filter && filteredOf(card.filter, dictionaries);
    this.#needs = needsOf(card);
    let worth = this.#cells.count;
    for (const name of new Set(card.dimensions)) {
      if (name === "hour" || name === "weekday") continue;
      if (name === "page" || name === "event") {
        const texts = dictionaries[name === "page" ? "pages" : "events"].values;
        this.#step = { kind: name, texts, worth };
        worth *= texts.length;
        continue;
      }
      const texts = dictionaries.dimensions[name].values;
      this.#places.push({ name, texts, worth });
      worth *= texts.length;
    }
    // Nothing is a page and an event.
    this.#isImpossible = card.dimensions.includes("page") && card.dimensions.includes("event");
    this.#groups = new GroupIndex(worth, MOST_GROUPS);
    this.#visitors = new DistinctPairs(dictionaries.visitors.values.length);
    this.#newVisitors = new DistinctPairs(dictionaries.visitors.values.length);
    const { goal } = card;
    if (this.#needs.goal && goal?.page !== undefined) {
      this.#goalIsPage = true;
      this.#goal = dictionaries.pages.known(goal.page) ?? NO_GOAL;
    } else if (this.#needs.goal && goal?.event !== undefined)
      this.#goal = dictionaries.events.known(goal.event) ?? NO_GOAL;
  }

  /** The first `count` of `selected` are the block's sessions that the query asks for. */
  scan(block: SessionColumns, selected: Uint32Array, count: number): void {
    if (this.#isImpossible) return;
    const filtered = this.#filter?.in(block);
    const [first, second] = this.#places;
    const firstCodes = first && block.dimensions[first.name];
    const secondCodes = second && block.dimensions[second.name];
    const firstWorth = first?.worth ?? 0;
    const secondWorth = second?.worth ?? 0;
    const { from, to } = this.#range;
    const { sessions, steps } = this.#needs;
    const { start, end } = block;
    const cells = this.#cells;
    const hasTime = cells.count > 1;
    const onlyWhole = this.#goal === NO_GOAL;
    for (let s = 0; s < count; s++) {
      const i = selected[s]!;
      if (filtered && filtered[i] === 0) continue;
      this.#session++;
      let base = 0;
      if (firstCodes) base = firstCodes[i]! * firstWorth;
      if (secondCodes) base += secondCodes[i]! * secondWorth;
      const began = start[i]!;
      if (this.#step) {
        this.#countByStep(block, i, base, began < from || end[i]! >= to);
        continue;
      }
      const isBegun = began >= from && began < to;
      const isWhole = isBegun && end[i]! < to && onlyWhole;
      if (isBegun && (sessions || isWhole)) {
        const cell = hasTime ? cells.at(began) : 0;
        const holds = steps && isWhole && cells.holds(cell, began, end[i]!);
        if (sessions || holds) {
          const group = this.#groupOf(base + cell);
          if (group >= 0 && sessions) this.#countSession(group, block, i);
          if (group >= 0 && holds) this.#countWhole(group, block, i);
        }
        if (holds) continue;
      }
      if (steps) this.#countSteps(block, i, base);
    }
  }

  #groupOf(key: number): number {
    const group = this.#groups.groupOf(key);
    if (group < this.#lastSession.length) return group;
    const larger = group * 2;
    this.#sums = grown(this.#sums, new Float64Array(larger * WIDTH));
    this.#lastSession = grown(this.#lastSession, new Int32Array(larger));
    this.#lastConverted = grown(this.#lastConverted, new Int32Array(larger));
    return group;
  }

  #countSession(group: number, block: SessionColumns, i: number): void {
    const sums = this.#sums;
    const at = group * WIDTH;
    sums[at + AT.sessions]!++;
    sums[at + AT.bounces]! += block.isBounce[i]!;
    sums[at + AT.engaged_s]! += block.engagedS[i]!;
    if (this.#needs.visitors && this.#visitors.add(group, block.visitor[i]!)) sums[at + AT.visitors]!++;
    if (this.#needs.newVisitors && block.number[i] === 1 && this.#newVisitors.add(group, block.visitor[i]!))
      sums[at + AT.new_visitors]!++;
  }

  /** All steps of a session of which none lies elsewhere. */
  #countWhole(group: number, block: SessionColumns, i: number): void {
    const sums = this.#sums;
    const at = group * WIDTH;
    sums[at + AT.page_views]! += block.views[i]!;
    // Steps, as where they are counted one by one: what is neither a page nor done (an identify) is none.
    sums[at + AT.events]! += block.firstStep[i + 1]! - block.firstStep[i]!;
    if (block.orders[i] !== 0) {
      sums[at + AT.orders]! += block.orders[i]!;
      sums[at + AT.revenue]! += block.revenue[i]!;
    }
    if (block.refunds[i] !== 0) {
      sums[at + AT.refunds]! += block.refunds[i]!;
      sums[at + AT.refunded]! += block.refunded[i]!;
    }
  }

  #countSteps(block: SessionColumns, i: number, base: number): void {
    const { from, to } = this.#range;
    const { firstStep, stepAt } = block;
    const hasTime = this.#cells.count > 1;
    for (let step = firstStep[i]!; step < firstStep[i + 1]!; step++) {
      const at = stepAt[step]!;
      if (at < from || at >= to) continue;
      const group = this.#groupOf(hasTime ? base + this.#cells.at(at) : base);
      if (group >= 0) this.#countStep(group, block, step);
    }
  }

  /** `isCut`: a part of the session may lie outside the range. */
  #countByStep(block: SessionColumns, i: number, base: number, isCut: boolean): void {
    const { from, to } = this.#range;
    const { firstStep, stepAt, stepKind, stepName } = block;
    const { kind, worth } = this.#step!;
    const isPage = kind === "page";
    const hasTime = this.#cells.count > 1;
    const last = firstStep[i + 1]!;
    for (let step = firstStep[i]!; step < last; step++) {
      if ((stepKind[step] === PAGE) !== isPage) continue;
      if (isCut && (stepAt[step]! < from || stepAt[step]! >= to)) continue;
      const key = base + stepName[step]! * worth;
      const group = this.#groupOf(hasTime ? key + this.#cells.at(stepAt[step]!) : key);
      if (group < 0) continue;
      if (this.#needs.sessions && this.#lastSession[group] !== this.#session) {
        this.#lastSession[group] = this.#session;
        this.#countSession(group, block, i);
      }
      if (this.#needs.steps) this.#countStep(group, block, step);
    }
  }

  #countStep(group: number, { stepKind, stepName, stepValue }: SessionColumns, step: number): void {
    const sums = this.#sums;
    const at = group * WIDTH;
    const kind = stepKind[step]!;
    sums[at + AT.events]!++;
    if (kind === PAGE) sums[at + AT.page_views]!++;
    else if (kind === ORDER) {
      sums[at + AT.orders]!++;
      sums[at + AT.revenue]! += stepValue[step]!;
    } else if (kind === REFUND) {
      sums[at + AT.refunds]!++;
      sums[at + AT.refunded]! += stepValue[step]!;
    }
    if (stepName[step] === this.#goal && (kind === PAGE) === this.#goalIsPage) {
      sums[at + AT.conversions]!++;
      if (this.#lastConverted[group] !== this.#session) sums[at + AT.converted_sessions]!++;
      this.#lastConverted[group] = this.#session;
    }
  }

  answer(cut: number): PartialAnswer {
    const groups: Group[] = [];
    for (let group = 0; group < this.#groups.size; group++) {
      const sums = Array.from(this.#sums.subarray(group * WIDTH, (group + 1) * WIDTH));
      groups.push({ key: this.#keyOf(this.#groups.keyAt(group)), sums });
    }
    return { groups, cut, isFull: this.#groups.isFull };
  }

  #keyOf(key: number): Group["key"] {
    const { bucket, hour, weekday } = this.#cells.partsOf(key % this.#cells.count);
    const codeIn = ({ texts, worth }: { texts: string[]; worth: number }) =>
      texts[Math.floor(key / worth) % texts.length]!;
    const parts = this.#dimensions.map((name) => {
      if (name === "hour") return String(hour);
      if (name === "weekday") return String(weekday);
      if (name === "page" || name === "event") return codeIn(this.#step!);
      return codeIn(this.#places.find((place) => place.name === name)!);
    });
    return this.#hasBuckets ? [bucket, ...parts] : parts;
  }
}

function grown<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
