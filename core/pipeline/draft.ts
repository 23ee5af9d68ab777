/**
 * A value that is changed without changing it: what is written to is copied first, once, along its path, and all the rest is shared with
 * the original. An event goes to many integrations, each with its own idea of it.
 */
import { isRecord } from "../values.ts";

export class Draft<T extends object> {
  #root: T;
  /** Copies that were made here, and may be written to. */
  #own = new Set<object>();

  constructor(root: T) {
    this.#root = root;
  }

  get value(): T {
    return this.#root;
  }

  /** From now on what is there counts as somebody else's: whoever holds `value` keeps it as it is. */
  seal(): void {
    if (this.#own.size) this.#own = new Set();
  }

  replace(root: T): void {
    this.#root = root;
  }

  /** Makes the objects on the way. Where a text or number stands in the way, it is replaced. */
  set(segments: readonly string[], value: unknown): void {
    const { holder, name } = this.#open(segments);
    (holder as Record<string, unknown>)[name] = value;
  }

  /** True where there was something. */
  remove(segments: readonly string[]): boolean {
    let at: unknown = this.#root;
    for (const segment of segments) {
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, segment)) return false;
      at = (at as Record<string, unknown>)[segment];
    }
    const { holder, name } = this.#open(segments);
    if (Array.isArray(holder)) holder.splice(Number(name), 1);
    else delete (holder as Record<string, unknown>)[name];
    return true;
  }

  /** The object that holds the last of the segments, ours to write to. */
  #open(segments: readonly string[]): { holder: object; name: string } {
    this.#root = this.#owned(this.#root);
    let holder: Record<string, unknown> = this.#root as Record<string, unknown>;
    for (const segment of segments.slice(0, -1)) {
      const held = Object.hasOwn(holder, segment) ? holder[segment] : undefined;
      const next = this.#owned(isRecord(held) || Array.isArray(held) ? held : {});
      holder[segment] = next;
      holder = next as Record<string, unknown>;
    }
    return { holder, name: segments.at(-1)! };
  }

  #owned<O extends object>(value: O): O {
    if (this.#own.has(value)) return value;
    const copy = (Array.isArray(value) ? [...value] : { ...value }) as O;
    this.#own.add(copy);
    return copy;
  }
}
