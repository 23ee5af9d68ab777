/** Which visitors a group has: exact. A bitset for each of the first groups, and one table of pairs for the many small ones behind them. */
import { NumberIndex } from "./number-index.ts";

/** Words of all bitsets of a scan: 16 MB. */
const MOST_WORDS = 2 ** 22;
const NONE = -1;

/**
 * The memory of bitsets, used again by each scan: a scan ends before the next begins, and megabytes that are made for each keep the garbage
 * collector going through everything else that a shard remembers.
 */
let memory = new Uint32Array(2 ** 14);
let used = 0;

/** Before a scan: the bitsets of the one before are no more. */
export function freeBitsets(): void {
  used = 0;
}

/** Where so many words begin that are zero; NONE where there is no more room. */
function take(words: number): number {
  const at = used;
  if (at + words > MOST_WORDS) return NONE;
  if (at + words > memory.length) {
    const larger = new Uint32Array(Math.min(MOST_WORDS, Math.max(at + words, memory.length * 2)));
    larger.set(memory.subarray(0, at));
    memory = larger;
  } else memory.fill(0, at, at + words);
  used = at + words;
  return at;
}

export class DistinctPairs {
  readonly #visitors: number;
  readonly #words: number;
  /** By group: where its bitset begins in the memory. */
  readonly #starts: number[] = [];
  readonly #pairs = new NumberIndex();

  /** Visitors are numbers from 0 up to this one, not included. */
  constructor(visitors: number) {
    this.#visitors = visitors;
    this.#words = (visitors >>> 5) + 1;
  }

  /** True where the group had this visitor not yet. */
  add(group: number, visitor: number): boolean {
    while (group >= this.#starts.length) this.#starts.push(take(this.#words));
    const start = this.#starts[group]!;
    if (start === NONE) {
      const before = this.#pairs.size;
      return this.#pairs.numberOf(group * this.#visitors + visitor) === before;
    }
    const word = start + (visitor >>> 5);
    const before = memory[word]!;
    const bit = 1 << (visitor & 31);
    if (before & bit) return false;
    memory[word] = before | bit;
    return true;
  }
}
