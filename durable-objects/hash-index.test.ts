import { describe, expect, it } from "vitest";
import { hash64 } from "../core/hash.ts";
import { HashIndex } from "./hash-index.ts";

const ZERO = { high: 0, low: 0 };

it("says what a Map would, of 200,000 entries that come and change at random, while it grows", () => {
  const index = new HashIndex();
  const map = new Map<string, [number, number]>();
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % below;
  };
  const hashes = Array.from({ length: 200_000 }, (_, i) => hash64(`visitor-${i}`));
  // Hashes that begin at the same slot, next to free slots' own marker, and at the last slot.
  hashes.push(ZERO, { high: 1, low: 0 }, { high: 0, low: 2 }, { high: 2 ** 32 - 1, low: 2 ** 32 - 1 });
  for (let i = 0; i < 1_000; i++) hashes.push({ high: i + 1, low: 1_023 });

  for (let i = 0; i < 400_000; i++) {
    const hash = hashes[i < hashes.length ? i : random(hashes.length)]!;
    const value: [number, number] = [random(2 ** 32), random(2 ** 32)];
    index.set(hash, ...value);
    map.set(`${hash.high} ${hash.low}`, value);
  }
  expect(index.size).toBe(map.size);
  const wrong = hashes.filter(
    ({ high, low }) => String(index.get({ high, low })) !== String(map.get(`${high} ${low}`)),
  );
  expect(wrong).toEqual([]);
  const strangers = Array.from({ length: 100_000 }, (_, i) => hash64(`stranger-${i}`));
  expect(strangers.filter((hash) => index.get(hash) !== undefined)).toEqual([]);
});

describe("a hash of zero", () => {
  it("is found before and after the index grows", () => {
    const index = new HashIndex();
    expect(index.get(ZERO)).toBeUndefined();
    index.set(ZERO, 5, 6);
    expect(index.get(ZERO)).toEqual([5, 6]);
    for (let i = 0; i < 1_000; i++) index.set({ high: 9, low: 100 + i * 7 }, i, i);
    expect(index.get(ZERO)).toEqual([5, 6]);
    expect(index.size).toBe(1_001);
  });

  it("shares a place with its neighbour, and with nobody else", () => {
    const index = new HashIndex();
    index.set(ZERO, 5, 6);
    expect(index.get({ high: 0, low: 1 })).toEqual([5, 6]);
    expect(index.get({ high: 1, low: 0 })).toBeUndefined();
  });
});

it("takes zeros for values", () => {
  const index = new HashIndex();
  index.set({ high: 3, low: 4 }, 0, 0);
  expect(index.get({ high: 3, low: 4 })).toEqual([0, 0]);
});

describe("memory", () => {
  it("is 21 to 43 bytes an entry, at any size beyond the smallest", () => {
    const index = new HashIndex();
    const bytesAnEntry: number[] = [];
    for (let i = 0; i < 100_000; i++) {
      index.set(hash64(String(i)), i, i);
      if (i > 768) bytesAnEntry.push(index.bytes / index.size);
    }
    expect(bytesAnEntry.every((bytes) => bytes > 21 && bytes < 43)).toBe(true);
  });

  it.each([768, 769, 100_000])("is taken once where the number of entries is known: %i", (n) => {
    const index = new HashIndex(n);
    const { bytes } = index;
    for (let i = 0; i < n; i++) index.set(hash64(String(i)), i, i);
    expect(index.bytes).toBe(bytes);
  });
});
