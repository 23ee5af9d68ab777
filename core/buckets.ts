/**
 * Which buckets a shard has, as pure rules: what the map says, and what of it has already happened. A new map does not move
 * anything; its shards fetch their buckets from the owners before (durable-objects/bucket-moves.ts), and until then say where a bucket
 * is to be found. Whoever asks by an old map is led on by those who gave buckets away. So a bucket has one owner at any moment,
 * whatever map anybody holds.
 *
 *     copying     the owner before still answers; what it has stored is copied, once over
 *     taking      the owner before answers no more; the rest follows. Nobody answers for a moment
 *     releasing   it is here; the owner before does not know yet that it may delete its copy
 */
import { BUCKETS, ownerOf, type ShardMap } from "./shard-map.ts";

/** Half-open ranges of buckets, in order. */
export type BucketRanges = [from: number, end: number][];

export interface Pull<Cursor = unknown> {
  epoch: number;
  from: string;
  buckets: BucketRanges;
  state: "copying" | "taking" | "releasing" | "done";
  /** How far it came; null: nothing has come yet. */
  cursor: Cursor | null;
}

/** Saved as one document. */
export interface StoredBuckets<Cursor = unknown> {
  /** The newest map that this shard has begun to follow, and the newest of which it has everything. */
  adopted: number;
  settled: number;
  /** What was given to others; `released`: they have it, and nothing of it is stored here any more. */
  away: (Gone & { buckets: BucketRanges })[];
  pulls: Pull<Cursor>[];
}

interface Gone {
  to: string;
  epoch: number;
  released?: true;
}

export type Where = { at: "here" } | { at: "elsewhere"; shard: string } | { at: "nowhere" };
const HERE: Where = { at: "here" };
const elsewhere = (shard: string): Where => ({ at: "elsewhere", shard });

export class Buckets<Cursor = unknown> {
  readonly #me: string;
  readonly #away = new Map<number, Gone>();
  #adopted: number;
  #settled: number;
  #pulls: Pull<Cursor>[];

  /** `me`: this shard's name in the maps. */
  constructor(me: string, stored: StoredBuckets<Cursor> = { adopted: 0, settled: 0, away: [], pulls: [] }) {
    this.#me = me;
    this.#adopted = stored.adopted;
    this.#settled = stored.settled;
    this.#pulls = structuredClone(stored.pulls);
    for (const { buckets, ...gone } of stored.away) for (const bucket of each(buckets)) this.#away.set(bucket, gone);
  }

  toJSON(): StoredBuckets<Cursor> {
    const groups = Map.groupBy(this.#away.keys(), (bucket) => JSON.stringify(this.#away.get(bucket)));
    const away = [...groups].map(([key, buckets]) => ({ ...JSON.parse(key), buckets: rangesOf(buckets) }));
    return { adopted: this.#adopted, settled: this.#settled, away, pulls: structuredClone(this.#pulls) };
  }

  get settled(): number {
    return this.#settled;
  }

  get pulls(): readonly Pull<Cursor>[] {
    return this.#pulls;
  }

  /** Whether every bucket that somebody with this map would look for here is here: nearly always. */
  hasAll(map: ShardMap): boolean {
    return this.#away.size === 0 && this.#pulls.length === 0 && (!map.previous || map.epoch <= this.#settled);
  }

  /** Where somebody with this map finds the bucket: `nowhere` for the moment in which it moves. */
  where(bucket: number, map: ShardMap): Where {
    const pull = this.#pulls.find((one) => covers(one.buckets, bucket));
    if (pull?.state === "copying") return elsewhere(pull.from);
    if (pull?.state === "taking") return { at: "nowhere" };
    const gone = this.#away.get(bucket);
    if (gone) return elsewhere(gone.to);
    if (pull || map.epoch <= this.#adopted || !map.previous) return HERE;
    const before = ownerOf(map.previous, bucket);
    return before === this.#me ? HERE : elsewhere(before);
  }

  /** Whether this shard is the owner of all of these: none given away, none still to come. */
  owns(buckets: BucketRanges): boolean {
    const coming = this.#pulls.filter(({ state }) => state === "copying" || state === "taking");
    for (const bucket of each(buckets)) {
      if (this.#away.has(bucket) || coming.some((pull) => covers(pull.buckets, bucket))) return false;
    }
    return true;
  }

  /** Begins to follow a map: what it gives to this shard and another had is to be fetched. False where that is known already. */
  adopt(map: ShardMap): boolean {
    const { previous } = map;
    if (!previous || map.epoch <= this.#adopted || this.#pulls.length > 0) return false;
    const mine = [...each([[0, BUCKETS]])].filter((bucket) => ownerOf(map, bucket) === this.#me);
    const byOwner = Map.groupBy(mine, (bucket) => ownerOf(previous, bucket));
    byOwner.delete(this.#me);
    this.#adopted = map.epoch;
    this.#pulls = [...byOwner].map(([from, buckets]) => ({
      epoch: map.epoch,
      from,
      buckets: rangesOf(buckets),
      state: "copying",
      cursor: null,
    }));
    if (this.#pulls.length === 0) this.#settled = map.epoch;
    return true;
  }

  /** A step of a pull. From the step to `releasing` on its buckets are here. */
  step(pull: Pull<Cursor>, state: Pull["state"], cursor: Cursor | null = pull.cursor): void {
    const mine = this.#pulls.find((one) => one.from === pull.from)!;
    mine.state = state;
    mine.cursor = cursor;
    if (state === "releasing") for (const bucket of each(mine.buckets)) this.#away.delete(bucket);
    if (this.#pulls.some((one) => one.state !== "done")) return;
    this.#pulls = [];
    this.#settled = this.#adopted;
  }

  /**
   * Gives buckets to another. `given` also where that was done before: it asks again after a failure. `stale`: by a map that is no
   * longer followed here. `not_here`: they are not here yet, or are with somebody else.
   */
  give(buckets: BucketRanges, to: string, epoch: number): "given" | "stale" | "not_here" {
    if (this.hasGiven(buckets, to, epoch)) return "given";
    if (epoch < this.#adopted) return "stale";
    if (!this.owns(buckets)) return "not_here";
    for (const bucket of each(buckets)) this.#away.set(bucket, { to, epoch });
    return "given";
  }

  /** The new owner has all of it. */
  release(buckets: BucketRanges): void {
    for (const bucket of each(buckets)) this.#away.set(bucket, { ...this.#away.get(bucket)!, released: true });
  }

  /** Whether others are still fetching what was given to them. */
  get isGiving(): boolean {
    return this.#away.values().some(({ released }) => !released);
  }

  /** Whether exactly this was given, and has not come back. */
  hasGiven(buckets: BucketRanges, to: string, epoch: number): boolean {
    for (const bucket of each(buckets)) {
      const gone = this.#away.get(bucket);
      if (gone?.to !== to || gone.epoch !== epoch) return false;
    }
    return true;
  }

  /** Whether all of these are with others. */
  hasNone(buckets: BucketRanges): boolean {
    for (const bucket of each(buckets)) if (!this.#away.has(bucket)) return false;
    return true;
  }

  /** Whether nothing is left of what this map gave to this shard. */
  hasNothingOf(map: Pick<ShardMap, "shards">): boolean {
    for (const bucket of each([[0, BUCKETS]])) {
      if (ownerOf(map, bucket) === this.#me && !this.#away.has(bucket)) return false;
    }
    return true;
  }
}

export function* each(ranges: BucketRanges): Generator<number> {
  for (const [from, end] of ranges) for (let bucket = from; bucket < end; bucket++) yield bucket;
}

export function covers(ranges: BucketRanges, bucket: number): boolean {
  return ranges.some(([from, end]) => bucket >= from && bucket < end);
}

export function rangesOf(buckets: Iterable<number>): BucketRanges {
  const ranges: BucketRanges = [];
  for (const bucket of [...buckets].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.[1] === bucket) last[1]++;
    else ranges.push([bucket, bucket + 1]);
  }
  return ranges;
}
