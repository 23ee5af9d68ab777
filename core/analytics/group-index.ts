/** Groups of a card and their numbers: a list by key where there can be few keys, a hash table where there can be many. */
import { NumberIndex } from "./number-index.ts";

/** Keys for which a list is kept: 1 MB. */
const MOST_LISTED = 2 ** 18;

export class GroupIndex {
  readonly #most: number;
  readonly #isListed: boolean;
  /** By key: the group's number and one more. */
  readonly #list: Int32Array;
  readonly #index = new NumberIndex();
  readonly #keys: number[] = [];
  isFull = false;

  /** Keys are whole numbers from 0 up to `keys`, not included. Of more than `most` groups the rest are left out. */
  constructor(keys: number, most: number) {
    this.#most = most;
    this.#isListed = keys <= MOST_LISTED;
    this.#list = new Int32Array(this.#isListed ? keys : 0);
  }

  /** The group's number; -1 where there are too many. */
  groupOf(key: number): number {
    if (!this.#isListed) {
      const group = this.#index.numberOf(key);
      return group < this.#most ? group : this.#beyond();
    }
    const known = this.#list[key]!;
    if (known !== 0) return known - 1;
    if (this.#keys.length >= this.#most) return this.#beyond();
    const group = this.#keys.push(key) - 1;
    this.#list[key] = group + 1;
    return group;
  }

  #beyond(): number {
    this.isFull = true;
    return -1;
  }

  get size(): number {
    return this.#isListed ? this.#keys.length : Math.min(this.#most, this.#index.size);
  }

  keyAt(group: number): number {
    return this.#isListed ? this.#keys[group]! : this.#index.keyAt(group);
  }
}
