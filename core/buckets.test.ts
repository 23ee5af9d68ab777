import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Buckets, each, rangesOf } from "./buckets.ts";
import { BUCKETS, firstShardMap, nextShardMap, ownerOf, type ShardMap, shardOf } from "./shard-map.ts";

describe("the next map", () => {
  const moved = (from: Pick<ShardMap, "shards">, to: ShardMap) =>
    [...each([[0, BUCKETS]])].filter((bucket) => ownerOf(from, bucket) !== ownerOf(to, bucket)).length;

  it("doubles by moving half of the buckets, and halves by moving them back", () => {
    const eight = firstShardMap(8);
    const sixteen = nextShardMap(eight, 16);
    expect(sixteen).toMatchObject({ epoch: 2, previous: eight });
    expect(sixteen.shards.filter((_, i) => i % 2 === 0)).toEqual(eight.shards);
    expect(sixteen.shards.filter((_, i) => i % 2 === 1)).toEqual(Array.from({ length: 8 }, (_, i) => `s${i + 8}`));
    expect(moved(eight, sixteen)).toBe(BUCKETS / 2);
    const back = nextShardMap(sixteen, 8);
    expect(back).toMatchObject({ epoch: 3, shards: eight.shards, previous: { epoch: 2, shards: sixteen.shards } });
  });

  it("has as many different shards as it is asked for, whatever it comes from", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (from, to) => {
        const map = nextShardMap(firstShardMap(from), to);
        expect(new Set(map.shards).size).toBe(to);
        const kept = map.shards.filter((shard) => Number(shard.slice(1)) < from).length;
        expect(kept).toBe(Math.min(from, to));
      }),
    );
  });
});

describe("who has a bucket", () => {
  it("is one shard at every moment, found from any map, through moves that are cut off anywhere", () => {
    const story = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
      picks: fc.array(fc.nat(), { minLength: 40, maxLength: 200 }),
    });
    fc.assert(
      fc.property(story, ({ sizes, picks }) => {
        const maps = [firstShardMap(5)];
        const shards = new Map<string, Buckets>();
        const shard = (name: string) => {
          if (!shards.has(name)) shards.set(name, new Buckets(name));
          return shards.get(name)!;
        };
        const looked = [0, 1, 100, 333, 511, 512, 700, 1_023];
        const check = () => {
          for (const bucket of looked) {
            const found = new Set(maps.map((map) => find(map, bucket, shard)));
            // Who is sent to the new owner before the one of before has been told finds nobody, and asks again.
            found.delete(undefined);
            expect(found.size, `bucket ${bucket}`).toBeLessThanOrEqual(1);
          }
        };
        let at = 0;
        const pick = (n: number) => (picks[at % picks.length]! + Math.floor(at++ / picks.length)) % n;
        for (const size of sizes) {
          const map = nextShardMap(maps.at(-1)!, size);
          maps.push(map);
          for (let steps = 0; map.shards.some((name) => shard(name).settled < map.epoch); steps++) {
            if (steps > 2_000) throw new Error("the move never ends");
            const name = map.shards[pick(map.shards.length)]!;
            shard(name).adopt(map);
            // As after an eviction.
            if (pick(3) === 0) shards.set(name, new Buckets(name, JSON.parse(JSON.stringify(shard(name)))));
            step(name, shard(name), map, shard);
            check();
          }
          for (const bucket of looked) expect(find(map, bucket, shard)).toBe(ownerOf(map, bucket));
        }
      }),
      { numRuns: 60 },
    );
  });

  /** The next step of the shard's first pull that is not done. */
  function step(name: string, buckets: Buckets, map: ShardMap, shard: (name: string) => Buckets) {
    const pull = buckets.pulls.find(({ state }) => state !== "done");
    if (!pull) return;
    const owner = shard(pull.from);
    if (pull.state === "copying") {
      if (owner.owns(pull.buckets)) buckets.step(pull, "taking", 1);
    } else if (pull.state === "taking") {
      expect(owner.give(pull.buckets, name, map.epoch)).toBe("given");
      expect(owner.give(pull.buckets, name, map.epoch)).toBe("given");
      buckets.step(pull, "releasing", 2);
    } else {
      owner.release(pull.buckets);
      buckets.step(pull, "done");
    }
  }

  /** Whom somebody with this map ends up with; undefined where nobody answers at the moment. */
  function find(map: ShardMap, bucket: number, shard: (name: string) => Buckets): string | undefined {
    let name = ownerOf(map, bucket);
    for (let hop = 0; hop < 10; hop++) {
      const where = shard(name).where(bucket, map);
      if (where.at === "here") return name;
      if (where.at === "nowhere") return undefined;
      name = where.shard;
    }
    throw new Error(`nobody has bucket ${bucket}`);
  }

  it("does not come back by an echo of an earlier move", () => {
    const one = new Buckets("s0");
    const first = firstShardMap(1);
    const two = nextShardMap(first, 2);
    const half = rangesOf([...each([[512, 1_024]])]);
    expect(one.give(half, "s1", two.epoch)).toBe("given");
    one.release(half);
    const back: ShardMap = { epoch: 3, shards: ["s0"], previous: two };
    one.adopt(back);
    one.step(one.pulls[0]!, "releasing", 1);
    expect(one.give(half, "s1", two.epoch)).toBe("stale");
    expect(one.where(600, back)).toEqual({ at: "here" });
    expect(one.hasAll(back)).toBe(false);
    one.step(one.pulls[0]!, "done");
    expect(one.hasAll(back)).toBe(true);
  });

  it("is given by nobody who has it not yet", () => {
    const map = nextShardMap(firstShardMap(1), 2);
    const fresh = new Buckets("s1");
    fresh.adopt(map);
    expect(fresh.give([[600, 700]], "s2", 3)).toBe("not_here");
    expect(fresh.where(600, map)).toEqual({ at: "elsewhere", shard: "s0" });
    expect(shardOf(map, "a1")).toBe("s1");
  });
});
