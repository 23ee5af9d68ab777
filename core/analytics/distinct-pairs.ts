/** Which visitors a group has: exact. A bitset for each of the first groups, and one table of pairs for the many small ones behind them. */
import { NumberIndex } from "./number-index.ts";

const MOST_BITSETS = 512;
/** Words of all bitsets of a card: 16 MB. */
const MOST_WORDS = 2 ** 22;

export class DistinctPairs {
  readonly #visitors: number;
  readonly #words: number;
  readonly #withBitset: number;
  readonly #bits: Uint32Array[] = [];
  readonly #pairs = new NumberIndex();

  /** Visitors are numbers from 0 up to this one, not included. */
  constructor(visitors: number) {
    this.#visitors = visitors;
    this.#words = (visitors >>> 5) + 1;
    this.#withBitset = Math.min(MOST_BITSETS, Math.floor(MOST_WORDS / this.#words));
  }

  /** True where the group had this visitor not yet. */
  add(group: number, visitor: number): boolean {
    if (group >= this.#withBitset) {
      const before = this.#pairs.size;
      return this.#pairs.numberOf(group * this.#visitors + visitor) === before;
    }
    while (group >= this.#bits.length) this.#bits.push(new Uint32Array(this.#words));
    const bits = this.#bits[group]!;
    const word = visitor >>> 5;
    const before = bits[word]!;
    const bit = 1 << (visitor & 31);
    if (before & bit) return false;
    bits[word] = before | bit;
    return true;
  }
}
