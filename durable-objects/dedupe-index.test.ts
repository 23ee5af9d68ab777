import { describe, expect, it } from "vitest";
import { hash64 } from "../core/hash.ts";
import { DedupeIndex } from "./dedupe-index.ts";

/** Who asks, with the ids at hand: id number n is `ids[n - 1]`. */
const finder = (index: DedupeIndex, ids: string[], hashOf: (id: string) => number) => (id: string) =>
  index.find(hashOf(id), (number) => ids[number - 1] === id);

it("finds each of 200,000 ids and no stranger, while it grows", () => {
  const index = new DedupeIndex(1);
  const ids = Array.from({ length: 200_000 }, (_, i) => `message-${i}`);
  const find = finder(index, ids, (id) => hash64(id).low);
  const early: (number | undefined)[] = [];
  ids.forEach((id, i) => {
    early.push(find(id));
    index.add(hash64(id).low, i + 1);
  });
  expect(early.every((found) => found === undefined)).toBe(true);
  expect(ids.findIndex((id, i) => find(id) !== i + 1)).toBe(-1);
  expect(Array.from({ length: 100_000 }, (_, i) => find(`stranger-${i}`)).every((found) => found === undefined)).toBe(
    true,
  );
  expect(index.size).toBe(200_000);
});

describe("ids with one hash", () => {
  it.each([0, 1, 1_023, 2 ** 32 - 1])("are all found, each by itself, whatever the hash: %i", (hash) => {
    const index = new DedupeIndex(1);
    const ids = Array.from({ length: 2_000 }, (_, i) => `forged-${i}`);
    for (let number = 1; number <= 1_000; number++) index.add(hash, number);
    const find = finder(index, ids.slice(0, 1_000), () => hash);
    expect(ids.slice(0, 1_000).map(find)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
    expect(ids.slice(1_000).some((id) => find(id) !== undefined)).toBe(false);
  });
});

it("takes numbers beyond 32 bits", () => {
  const first = 2 ** 40;
  const index = new DedupeIndex(first);
  index.add(7, first);
  index.add(7, first + 5);
  const asked: number[] = [];
  expect(index.find(7, (number) => asked.push(number) === 2)).toBe(first + 5);
  expect(asked).toEqual([first, first + 5]);
});

describe("memory", () => {
  it("is 10 to 22 bytes an id, at any size beyond the smallest", () => {
    const index = new DedupeIndex(1);
    const bytesAnId: number[] = [];
    for (let i = 0; i < 100_000; i++) {
      index.add(hash64(String(i)).low, i + 1);
      if (i > 768) bytesAnId.push(index.bytes / index.size);
    }
    expect(bytesAnId.every((bytes) => bytes > 10 && bytes < 22)).toBe(true);
  });

  it.each([768, 769, 1_000_000])("is taken once where the number of ids is known: %i", (n) => {
    const index = new DedupeIndex(1, n);
    const { bytes } = index;
    for (let i = 0; i < n; i++) index.add(Math.imul(i, 2_654_435_761) >>> 0, i + 1);
    expect(index.bytes).toBe(bytes);
    expect(bytes / n).toBeLessThan(22);
  });
});
