/**
 * The sums of a card's groups. Every field has one type, whatever the card asks, and stays so: this is where a scan spends its time, and
 * objects of several shapes made it five times slower.
 */
import { DistinctPairs } from "./distinct-pairs.ts";
import { ORDER, PAGE, REFUND, type SessionColumns } from "./session-columns.ts";
import { AT, type needsOf, SUMS } from "./sums.ts";

const WIDTH = SUMS.length;
const FIRST_GROUPS = 64;
/** A code that no step has. */
export const NO_GOAL = -1;

export interface Goal {
  isPage: boolean;
  /** Of the dictionary of pages or events. */
  code: number;
}

export class Tally {
  readonly #needsVisitors: boolean;
  readonly #needsNewVisitors: boolean;
  readonly #goalIsPage: boolean;
  readonly #goal: number;
  readonly #visitors: DistinctPairs;
  readonly #newVisitors: DistinctPairs;
  #sums = new Float64Array(FIRST_GROUPS * WIDTH);
  /** By group: the session that counted there last, and the last that converted. A scan numbers its sessions from 1. */
  #lastSession = new Int32Array(FIRST_GROUPS);
  #lastConverted = new Int32Array(FIRST_GROUPS);

  constructor({ visitors, newVisitors }: ReturnType<typeof needsOf>, goal: Goal, visitorCount: number) {
    this.#needsVisitors = visitors;
    this.#needsNewVisitors = newVisitors;
    this.#goalIsPage = goal.isPage;
    this.#goal = goal.code;
    this.#visitors = new DistinctPairs(visitorCount);
    this.#newVisitors = new DistinctPairs(visitorCount);
  }

  /** Before anything is counted in it. */
  makeRoomFor(group: number): void {
    if (group < this.#lastSession.length) return;
    const size = Math.max(group + 1, this.#lastSession.length * 2);
    const sums = new Float64Array(size * WIDTH);
    sums.set(this.#sums);
    this.#sums = sums;
    const sessions = new Int32Array(size);
    sessions.set(this.#lastSession);
    this.#lastSession = sessions;
    const converted = new Int32Array(size);
    converted.set(this.#lastConverted);
    this.#lastConverted = converted;
  }

  countSession(group: number, block: SessionColumns, i: number): void {
    const sums = this.#sums;
    const at = group * WIDTH;
    sums[at + AT.sessions]!++;
    sums[at + AT.bounces]! += block.isBounce[i]!;
    sums[at + AT.engaged_s]! += block.engagedS[i]!;
    if (this.#needsVisitors && this.#visitors.add(group, block.visitor[i]!)) sums[at + AT.visitors]!++;
    if (this.#needsNewVisitors && block.number[i] === 1 && this.#newVisitors.add(group, block.visitor[i]!))
      sums[at + AT.new_visitors]!++;
  }

  /** Once for a session, though several of its steps are of the group. */
  countSessionOnce(group: number, block: SessionColumns, i: number, session: number): void {
    if (this.#lastSession[group] === session) return;
    this.#lastSession[group] = session;
    this.countSession(group, block, i);
  }

  /** All steps of a session of which none lies elsewhere. */
  countWhole(group: number, block: SessionColumns, i: number): void {
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

  countStep(group: number, { stepKind, stepName, stepValue }: SessionColumns, step: number, session: number): void {
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
      if (this.#lastConverted[group] !== session) sums[at + AT.converted_sessions]!++;
      this.#lastConverted[group] = session;
    }
  }

  sumsOf(group: number): number[] {
    const sums: number[] = [];
    for (let i = group * WIDTH; i < (group + 1) * WIDTH; i++) sums.push(this.#sums[i]!);
    return sums;
  }
}
