/**
 * One card over a shard's columns. What it counts by is one number, its key: the codes of its dimensions in a number system of mixed
 * radix, time in the last place. Nothing is allocated for a session or a step.
 */
import type { Group, PartialAnswer, Scan } from "./evaluate.ts";
import { type Filtered, filteredOf } from "./filters.ts";
import { GroupIndex } from "./group-index.ts";
import type { Card, Dimension, SessionDimension } from "./query.ts";
import { type Dictionaries, PAGE, type SessionColumns } from "./session-columns.ts";
import { needsOf } from "./sums.ts";
import { type Goal, NO_GOAL, Tally } from "./tally.ts";
import type { Bucket } from "./time-buckets.ts";
import { TimeCells } from "./time-cells.ts";

/** Of one card in one shard, with its buckets of time. */
const MOST_GROUPS = 200_000;

export class CardScan {
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
  readonly #hasGoal: boolean;
  readonly #groups: GroupIndex;
  readonly #tally: Tally;
  #sessions = 0;

  constructor(card: Card, buckets: Bucket[] | undefined, dictionaries: Dictionaries, { range, zone }: Scan) {
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
    const goal = this.#needs.goal ? goalOf(card, dictionaries) : { isPage: false, code: NO_GOAL };
    this.#hasGoal = goal.code !== NO_GOAL;
    this.#groups = new GroupIndex(worth, MOST_GROUPS);
    this.#tally = new Tally(this.#needs, goal, dictionaries.visitors.values.length);
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
    const { start, end } = block;
    const { sessions, steps } = this.#needs;
    const isByStep = this.#step !== undefined;
    const hasGoal = this.#hasGoal;
    const cells = this.#cells;
    const groups = this.#groups;
    const tally = this.#tally;
    const hasTime = cells.count > 1;
    const numbered = this.#sessions + 1;
    this.#sessions += count;
    for (let s = 0; s < count; s++) {
      const i = selected[s]!;
      if (filtered && filtered[i] === 0) continue;
      let base = 0;
      if (firstCodes) base = firstCodes[i]! * firstWorth;
      if (secondCodes) base += secondCodes[i]! * secondWorth;
      const began = start[i]!;
      const isBegun = began >= from && began < to;
      const isWithin = isBegun && end[i]! < to;
      if (isByStep) {
        this.#countByStep(block, i, base, isWithin, numbered + s);
        continue;
      }
      if (isBegun) {
        const cell = hasTime ? cells.at(began) : 0;
        const isWhole = steps && isWithin && !hasGoal && (!hasTime || cells.holds(cell, began, end[i]!));
        if (sessions || isWhole) {
          const group = groups.groupOf(base + cell);
          if (group >= 0) {
            tally.makeRoomFor(group);
            if (sessions) tally.countSession(group, block, i);
            if (isWhole) tally.countWhole(group, block, i);
          }
        }
        if (isWhole) continue;
      }
      if (steps) this.#countSteps(block, i, base, numbered + s);
    }
  }

  #countSteps(block: SessionColumns, i: number, base: number, session: number): void {
    const { from, to } = this.#range;
    const { firstStep, stepAt } = block;
    const cells = this.#cells;
    const groups = this.#groups;
    const tally = this.#tally;
    const hasTime = cells.count > 1;
    const last = firstStep[i + 1]!;
    for (let step = firstStep[i]!; step < last; step++) {
      const at = stepAt[step]!;
      if (at < from || at >= to) continue;
      const group = groups.groupOf(hasTime ? base + cells.at(at) : base);
      if (group < 0) continue;
      tally.makeRoomFor(group);
      tally.countStep(group, block, step, session);
    }
  }

  #countByStep(block: SessionColumns, i: number, base: number, isWithin: boolean, session: number): void {
    const { from, to } = this.#range;
    const { firstStep, stepAt, stepKind, stepName } = block;
    const { kind, worth } = this.#step!;
    const { sessions, steps } = this.#needs;
    const isPage = kind === "page";
    const cells = this.#cells;
    const groups = this.#groups;
    const tally = this.#tally;
    const hasTime = cells.count > 1;
    const last = firstStep[i + 1]!;
    for (let step = firstStep[i]!; step < last; step++) {
      if ((stepKind[step] === PAGE) !== isPage) continue;
      if (!isWithin && (stepAt[step]! < from || stepAt[step]! >= to)) continue;
      const key = base + stepName[step]! * worth;
      const group = groups.groupOf(hasTime ? key + cells.at(stepAt[step]!) : key);
      if (group < 0) continue;
      tally.makeRoomFor(group);
      if (sessions) tally.countSessionOnce(group, block, i, session);
      if (steps) tally.countStep(group, block, step, session);
    }
  }

  answer(cut: number): PartialAnswer {
    const groups: Group[] = [];
    for (let group = 0; group < this.#groups.size; group++)
      groups.push({ key: this.#keyOf(this.#groups.keyAt(group)), sums: this.#tally.sumsOf(group) });
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

function goalOf({ goal }: Card, { pages, events }: Dictionaries): Goal {
  if (goal?.page !== undefined) return { isPage: true, code: pages.known(goal.page) ?? NO_GOAL };
  return { isPage: false, code: (goal?.event === undefined ? undefined : events.known(goal.event)) ?? NO_GOAL };
}
