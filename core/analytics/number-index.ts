/** Keys, which are whole numbers from 0, and numbers for them in the order in which they came: a hash table without objects. */
const FIRST_SLOTS = 1_024;

export class NumberIndex {
  #keys = new Float64Array(FIRST_SLOTS / 2);
  /** The number and one more; 0: nothing is here. */
  #slots = new Int32Array(FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  keyAt(number: number): number {
    return this.#keys[number]!;
  }

  /** The key's number, which is new where it is the size of before. */
  numberOf(key: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(key) & mask;
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if (this.#keys[found - 1] === key) return found - 1;
      slot = (slot + 1) & mask;
    }
    if (this.#size === this.#keys.length) {
      this.#grow();
      return this.numberOf(key);
    }
    this.#keys[this.#size] = key;
    this.#slots[slot] = this.#size + 1;
    return this.#size++;
  }

  /** Half of the slots stay free. */
  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2);
    keys.set(this.#keys);
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let i = 0; i < this.#size; i++) {
      let slot = hashOf(keys[i]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
    }
    this.#keys = keys;
    this.#slots = slots;
  }
}

/** Of both halves of the number: keys are often multiples of one another. */
function hashOf(key: number): number {
  const high = Math.floor(key / 2 ** 32);
  let hash = Math.imul((key >>> 0) ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}
