/**
 * Which object owns a visitor. A visitor hashes to one of 1,024 buckets for good; the map, a small versioned document in
 * the environment, says which shard owns each bucket, so the number of shards can change without any N in the code.
 */
import * as z from "zod";
import { hash64 } from "./hash.ts";

export const BUCKETS = 1_024;

/** Shard k of n owns the k-th n-th of the buckets, so doubling the list splits every shard cleanly in two. */
export const shardMap = z.object({ epoch: z.int().min(1), shards: z.array(z.string().min(1)).min(1).max(BUCKETS) });
export type ShardMap = z.infer<typeof shardMap>;

export function bucketOf(anonymousId: string): number {
  return hash64(anonymousId).high % BUCKETS;
}

/** The owner's name within its environment, e.g. `s3`. */
export function shardOf(map: ShardMap, anonymousId: string): string {
  return map.shards[Math.floor((bucketOf(anonymousId) * map.shards.length) / BUCKETS)]!;
}

/** The first map of a new environment: `s0` … `s(n-1)`. */
export function firstShardMap(shards = 8): ShardMap {
  return { epoch: 1, shards: Array.from({ length: shards }, (_, k) => `s${k}`) };
}

/**
 * The shard of a person or of one of their identifiers: by the SHA-256 that a person's id is the beginning of, so that an id leads to where
 * the identifier is that it was made from. `personId`: `per_` and 24 hex digits.
 */
export function profileShardOf(map: ShardMap, personId: string): string {
  const bucket = Number.parseInt(personId.slice(4, 12), 16) % BUCKETS;
  return map.shards[Math.floor((bucket * map.shards.length) / BUCKETS)]!;
}

/** `p0` … `p(n-1)`. */
export function firstProfileShardMap(shards = 8): ShardMap {
  return { epoch: 1, shards: Array.from({ length: shards }, (_, k) => `p${k}`) };
}
