import { expect, it } from "vitest";
import { BUCKETS, bucketOf, firstShardMap, shardMap, shardOf } from "./shard-map.ts";

const VISITORS = Array.from({ length: 20_000 }, (_, i) => `visitor-${i}`);

it.each([
  ["a1", 538],
  ["550e8400-e29b-41d4-a716-446655440000", 595],
])("the bucket of %s is what it has always been", (visitor, bucket) => {
  expect(bucketOf(visitor)).toBe(bucket);
});

it("names the shards of a first map in order", () => {
  expect(firstShardMap(3)).toEqual({ epoch: 1, shards: ["s0", "s1", "s2"] });
  expect(firstShardMap().shards).toHaveLength(8);
});

it.each([1, 3, 8, 32])("spreads visitors evenly over %d shards", (shards) => {
  const map = firstShardMap(shards);
  const counts = new Map<string, number>();
  for (const visitor of VISITORS) counts.set(shardOf(map, visitor), (counts.get(shardOf(map, visitor)) ?? 0) + 1);
  const fair = VISITORS.length / shards;
  expect([...counts.keys()].sort()).toEqual([...map.shards].sort());
  for (const count of counts.values()) expect(Math.abs(count - fair)).toBeLessThan(fair * 0.2);
});

it("gives every shard a bucket, up to as many shards as there are buckets", () => {
  const map = firstShardMap(BUCKETS);
  for (const visitor of VISITORS.slice(0, 100)) expect(shardOf(map, visitor)).toBe(`s${bucketOf(visitor)}`);
});

it("splits every shard cleanly in two when the list is doubled: nobody else moves", () => {
  const before = firstShardMap(8);
  const after = { epoch: 2, shards: before.shards.flatMap((shard) => [`${shard}a`, `${shard}b`]) };
  for (const visitor of VISITORS) expect(shardOf(after, visitor).slice(0, -1)).toBe(shardOf(before, visitor));
});

it.each([
  ["no shards", { epoch: 1, shards: [] }],
  ["more shards than buckets", firstShardMap(BUCKETS + 1)],
  ["a shard without a name", { epoch: 1, shards: [""] }],
  ["no epoch", { shards: ["s0"] }],
])("a map with %s is none", (_, map) => {
  expect(shardMap.safeParse(map).success).toBe(false);
});
