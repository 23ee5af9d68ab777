/**
 * Finds an event's number by the hash of its id, in one flat typed array: 8 bytes a slot, at most three quarters full, so 11 to 21
 * bytes an id, whatever its length. It keeps 32 bits of a hash and so finds candidates; who asks compares the ids themselves. Ids with
 * the same hash stand side by side, each with its own number. Entries are never removed one by one (rebuild instead).
 */
export class DedupeIndex {
  /** Pairs: 32 bits of the hash, and the number less `#origin`; 0 there marks a free slot. */
  #slots: Uint32Array;
  #mask: number;
  /** Numbers may outgrow 32 bits; those that are kept at one time do not lie that far apart. */
  readonly #origin: number;
  size = 0;

  /** `first`: no number below this one will come. */
  constructor(first: number, expected = 0) {
    let capacity = 1_024;
    while (capacity * 0.75 < expected) capacity *= 2;
    this.#slots = new Uint32Array(capacity * 2);
    this.#mask = capacity - 1;
    this.#origin = first - 1;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** The first number that was added under this hash and of which `isIt` says so. */
  find(hash: number, isIt: (number: number) => boolean): number | undefined {
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const stored = this.#slots[slot * 2 + 1]!;
      if (stored === 0) return undefined;
      if (this.#slots[slot * 2] === hash && isIt(this.#origin + stored)) return this.#origin + stored;
    }
  }

  /** `hash`: an unsigned integer of 32 bits. */
  add(hash: number, number: number): void {
    if ((this.size + 1) * 4 > (this.#mask + 1) * 3) this.#grow();
    this.size++;
    this.#put(hash, number - this.#origin);
  }

  #put(hash: number, stored: number): void {
    let slot = hash & this.#mask;
    while (this.#slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot * 2] = hash;
    this.#slots[slot * 2 + 1] = stored;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#mask = this.#slots.length / 2 - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.#put(old[at]!, old[at + 1]!);
    }
  }
}
