/**
 * Which object owns a visitor. A visitor hashes to one of 1,024 buckets for good; the map, a small versioned document in
 * the environment, says which shard owns each bucket, so the number of shards can change without any N in the code.
 */
import * as z from "zod";
import { hash64 } from "./hash.ts";

export const BUCKETS = 1_024;

/** Shard k of n owns the k-th n-th of the buckets, so doubling the list splits every shard cleanly in two. */
const plainMap = z.object({ epoch: z.int().min(1), shards: z.array(z.string().min(1)).min(1).max(BUCKETS) });

export const shardMap = plainMap.extend({
  /** The map before, for as long as a bucket may still lie with its owner of then (core/buckets.ts). */
  previous: plainMap.optional(),
});
export type ShardMap = z.infer<typeof shardMap>;

export function bucketOf(anonymousId: string): number {
  return hash64(anonymousId).high % BUCKETS;
}

export function ownerOf({ shards }: Pick<ShardMap, "shards">, bucket: number): string {
  return shards[Math.floor((bucket * shards.length) / BUCKETS)]!;
}

/** The owner's name within its environment, e.g. `s3`. */
export function shardOf(map: ShardMap, anonymousId: string): string {
  return ownerOf(map, bucketOf(anonymousId));
}

/** All shards that may have a bucket: those of the map, and of the one before while there is one. */
export function shardsOf({ shards, previous }: ShardMap): string[] {
  return [...new Set([...shards, ...(previous?.shards ?? [])])];
}

/** The first map of a new environment: `s0` … `s(n-1)`. */
export function firstShardMap(shards = 8): ShardMap {
  return { epoch: 1, shards: Array.from({ length: shards }, (_, k) => `s${k}`) };
}

/**
 * The map of the next epoch, with so many shards. Each share of the buckets stays with the shard that has most of it, as far as that
 * shard has no other; so 8 become 16 and 8 again by moving half of the buckets. New shards take the lowest free numbers, behind `prefix`.
 */
export function nextShardMap({ epoch, shards }: ShardMap, count: number, prefix: "s" | "p" = "s"): ShardMap {
  const claims: { slot: number; shard: string; buckets: number }[] = [];
  for (let slot = 0; slot < count; slot++) {
    const shares = new Map<string, number>();
    for (const bucket of bucketsOfSlot(slot, count)) {
      const shard = ownerOf({ shards }, bucket);
      shares.set(shard, (shares.get(shard) ?? 0) + 1);
    }
    for (const [shard, buckets] of shares) claims.push({ slot, shard, buckets });
  }
  const next: (string | undefined)[] = Array.from({ length: count });
  const placed = new Set<string>();
  for (const { slot, shard } of claims.toSorted((a, b) => b.buckets - a.buckets || a.slot - b.slot)) {
    if (next[slot] !== undefined || placed.has(shard)) continue;
    next[slot] = shard;
    placed.add(shard);
  }
  const taken = new Set(shards);
  let number = 0;
  const fresh = () => {
    while (taken.has(`${prefix}${number}`)) number++;
    return `${prefix}${number++}`;
  };
  return { epoch: epoch + 1, shards: next.map((shard) => shard ?? fresh()), previous: { epoch, shards } };
}

function* bucketsOfSlot(slot: number, count: number): Generator<number> {
  for (let bucket = Math.ceil((slot * BUCKETS) / count); bucket * count < (slot + 1) * BUCKETS; bucket++) yield bucket;
}

/**
 * The shard of a person or of one of their identifiers: by the SHA-256 that a person's id is the beginning of, so that an id leads to where
 * the identifier is that it was made from. `personId`: `per_` and 24 hex digits.
 */
export function profileShardOf(map: ShardMap, personId: string): string {
  return ownerOf(map, profileBucketOf(personId));
}

export function profileBucketOf(personId: string): number {
  return Number.parseInt(personId.slice(4, 12), 16) % BUCKETS;
}

/** `p0` … `p(n-1)`. */
export function firstProfileShardMap(shards = 8): ShardMap {
  return { epoch: 1, shards: Array.from({ length: shards }, (_, k) => `p${k}`) };
}
