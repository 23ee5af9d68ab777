/**
 * A map from 64-bit hashes to two 32-bit numbers, in one flat typed array: 16 bytes a slot, at most three quarters full,
 * so 21 to 43 bytes an entry. A JavaScript Map of a million strings takes over 100 MB, and an object has 128.
 * Open addressing with linear probing; entries are never removed one by one (rebuild instead).
 */
export class HashIndex {
  #slots: Uint32Array;
  #mask: number;
  size = 0;

  constructor(expected = 0) {
    let capacity = 1_024;
    while (capacity * 0.75 < expected) capacity *= 2;
    this.#slots = new Uint32Array(capacity * 4);
    this.#mask = capacity - 1;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** The two numbers stored under a hash, or undefined. */
  get(hash: { high: number; low: number }): [a: number, b: number] | undefined {
    const at = this.#find(hash.high, lowOf(hash));
    return this.#isFree(at) ? undefined : [this.#slots[at + 2]!, this.#slots[at + 3]!];
  }

  set(hash: { high: number; low: number }, a: number, b: number): void {
    if ((this.size + 1) * 4 > (this.#mask + 1) * 3) this.#grow();
    const low = lowOf(hash);
    const at = this.#find(hash.high, low);
    if (this.#isFree(at)) this.size++;
    this.#slots.set([hash.high, low, a, b], at);
  }

  #isFree(at: number): boolean {
    return this.#slots[at] === 0 && this.#slots[at + 1] === 0;
  }

  #find(high: number, low: number): number {
    let slot = low & this.#mask;
    for (;;) {
      const at = slot * 4;
      if (this.#isFree(at) || (this.#slots[at] === high && this.#slots[at + 1] === low)) return at;
      slot = (slot + 1) & this.#mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#mask = this.#slots.length / 4 - 1;
    for (let at = 0; at < old.length; at += 4) {
      if (old[at] === 0 && old[at + 1] === 0) continue;
      this.#slots.set(old.subarray(at, at + 4), this.#find(old[at]!, old[at + 1]!));
    }
  }
}

/** All-zero halves mark a free slot: the one hash in 2^64 that is zero itself takes its neighbour's place. */
function lowOf({ high, low }: { high: number; low: number }): number {
  return high === 0 && low === 0 ? 1 : low;
}
