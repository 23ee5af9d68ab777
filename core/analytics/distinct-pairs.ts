/** Which visitors a group has: exact. A bitset for each of the first groups, and one set of pairs for the many small ones behind them. */
const BITSETS = 512;

export class DistinctPairs {
  readonly #bits: Uint32Array[] = [];
  readonly #pairs = new Set<number>();

  /** True where the group had this visitor not yet. Both are numbers from 0, visitors below 2^26. */
  add(group: number, visitor: number): boolean {
    if (group >= BITSETS) {
      const before = this.#pairs.size;
      this.#pairs.add(group * 2 ** 26 + visitor);
      return this.#pairs.size > before;
    }
    const word = visitor >>> 5;
    let bits = this.#bits[group];
    if (!bits || word >= bits.length) {
      const longer = new Uint32Array(Math.max(64, word + 1, (bits?.length ?? 0) * 2));
      if (bits) longer.set(bits);
      this.#bits[group] = longer;
      bits = longer;
    }
    const bit = 1 << (visitor & 31);
    if (bits[word]! & bit) return false;
    bits[word]! |= bit;
    return true;
  }
}
