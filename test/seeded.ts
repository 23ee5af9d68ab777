/** Chance that comes out the same in every run of a seed: a property that fails names the seed, and fails again with it. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number below `end`. Marsaglia's xorshift over a Weyl sequence; good enough to shuffle by. */
  below(end: number): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % end;
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)]!;
  }

  shuffled<T>(of: readonly T[]): T[] {
    const all = [...of];
    for (let k = all.length - 1; k > 0; k--) {
      const other = this.below(k + 1);
      [all[k], all[other]] = [all[other]!, all[k]!];
    }
    return all;
  }

  /** All of them in any order, some of them twice. */
  redelivered<T>(of: readonly T[]): T[] {
    return this.shuffled([...of, ...of.filter(() => this.below(3) === 0)]);
  }
}
