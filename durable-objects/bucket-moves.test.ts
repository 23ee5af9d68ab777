import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Visit } from "../core/session.ts";
import { firstShardMap, nextShardMap, type ShardMap, shardOf, shardsOf } from "../core/shard-map.ts";
import { anEvent } from "../test/an-event.ts";
import type { ShardAnswer, ShardEvent, ShardStats, VisitorShard } from "./visitor-shard.ts";

afterEach(() => void vi.restoreAllMocks());

const START = Date.now() - 3_600_000;
const MINUTE = 60_000;
let environments = 0;

/** Shards of one environment, asked as the processor asks them. */
function anEnvironmentOfShards(count: number) {
  const id = `env_moves_${environments++}`;
  const maps = [firstShardMap(count)];
  const shard = (name: string) => env.VISITOR_SHARD.getByName(`${id}/${name}`);

  /** Follows the visitor from shard to shard; undefined while they are on the way. */
  async function ask(event: ShardEvent, map: ShardMap, now: number): Promise<ShardAnswer | undefined> {
    let name = shardOf(map, event.anonymous_id);
    for (let hop = 0; hop < 6; hop++) {
      const line = { source_id: "src", event: anEvent(event as never), receipt: { steps: [] } };
      const batch = { events: [event], lines: [JSON.stringify(line)], session_timeout_ms: 30 * MINUTE, now, map };
      const [answer] = await shard(name).apply(batch);
      if (answer!.verdict !== "elsewhere") return answer;
      if (answer!.shard === null) return undefined;
      name = answer!.shard;
    }
    return undefined;
  }

  async function settled(map: ShardMap): Promise<boolean> {
    const all = await Promise.all(map.shards.map((name) => shard(name).follow(map)));
    return all.every((one) => one.settled);
  }

  /** Until every shard of the map has what it gives it. */
  async function finish(map = maps.at(-1)!): Promise<void> {
    for (let i = 0; !(await settled(map)); i++) {
      if (i > 100) throw new Error("the move does not end");
      for (const name of map.shards) await runDurableObjectAlarm(shard(name));
    }
  }

  async function totals() {
    const names = new Set(maps.flatMap(shardsOf));
    const all = await Promise.all([...names].map((name) => shard(name).stats()));
    const sum = (of: (stats: ShardStats) => number) => all.reduce((total, stats) => total + of(stats), 0);
    return {
      events: sum((s) => s.events),
      visitors: sum((s) => s.visitors),
      sessions: sum((s) => s.sessions),
      duplicates: sum((s) => s.duplicates),
      redelivered: sum((s) => s.redelivered),
      closed_sessions: sum((s) => s.closed_sessions),
      bounces: sum((s) => s.bounces),
      engaged_s: sum((s) => s.engaged_s),
    };
  }

  /** How often every message is in the lake. */
  async function lake(): Promise<Record<string, number>> {
    for (const name of new Set(maps.flatMap(shardsOf))) await shard(name).flush();
    const counts: Record<string, number> = {};
    const { objects } = await env.LAKE.list({ prefix: `events/env=${id}/` });
    const { parquetReadObjects } = await import("hyparquet");
    const { gunzipSync } = await import("node:zlib");
    for (const { key } of objects) {
      const file = await (await env.LAKE.get(key))!.arrayBuffer();
      const rows = await parquetReadObjects({
        file,
        columns: ["message_id"],
        compressors: { GZIP: (data) => gunzipSync(data) },
      });
      for (const row of rows) counts[row.message_id as string] = (counts[row.message_id as string] ?? 0) + 1;
    }
    return counts;
  }

  return {
    id,
    maps,
    shard,
    ask,
    settled,
    finish,
    totals,
    lake,
    move(to: number): ShardMap {
      maps.push(nextShardMap(maps.at(-1)!, to));
      return maps.at(-1)!;
    },
  };
}

const PAGES = ["/", "/shoes", "/basket"];

/** The nth of a story of so many visitors, with events that come late, twice and again. */
function anEventOf(n: number, visitors: number): ShardEvent {
  const visitor = (n * 7 + (n >> 3)) % visitors;
  // Every eleventh brings an event again, in another message; every thirteenth is a message that comes again.
  const of = n % 11 === 10 || n % 13 === 12 ? Math.max(0, n - 5) : n;
  if (of !== n) return { ...anEventOf(of, visitors), ...(n % 11 === 10 && { delivery: `again-${n}:0` }) };
  const visit: Visit = {
    kind: n % 3 ? "view" : "action",
    page: PAGES[n % 3]!,
    ...(n % 5 === 0 && { campaign: { key: `k${n % 4}`, source: "news" } }),
  };
  return {
    message_id: `m-${n}`,
    anonymous_id: `visitor-${visitor}`,
    at: START + ((n * 37) % 180) * MINUTE,
    delivery: `q-${n}:0`,
    vendor_ids: n % 4 ? {} : { fbp: `fb.1.${n}` },
    visit,
    is_identified: n % 2 === 0,
  };
}

/** What no resharding may change: each event's answer, and what is known of every visitor. */
async function told(shards: ReturnType<typeof anEnvironmentOfShards>, visitors: number) {
  const map = shards.maps.at(-1)!;
  return Promise.all(
    Array.from({ length: visitors }, async (_, i) => {
      const visitor = `visitor-${i}`;
      const shard = shards.shard(shardOf(map, visitor));
      return [await shard.sessions(visitor), await shard.vendorIds(visitor)];
    }),
  );
}

describe("a move", () => {
  it.each([
    [8, 16],
    [16, 8],
    [3, 5],
    [5, 1],
    [1, 4],
  ])("from %i to %i shards keeps totals, sessions, vendor ids and what is known of messages", async (from, to) => {
    const visitors = 40;
    const shards = anEnvironmentOfShards(from);
    const first: (ShardAnswer | undefined)[] = [];
    for (let n = 0; n < 120; n++) first.push(await shards.ask(anEventOf(n, visitors), shards.maps[0]!, START));
    const before = await shards.totals();
    const knew = await told(shards, visitors);
    expect(before.visitors).toBe(visitors);
    expect(before.duplicates).toBeGreaterThan(0);

    const map = shards.move(to);
    await shards.finish();
    expect(await shards.totals()).toEqual(before);
    expect(await told(shards, visitors)).toEqual(knew);
    // By the new map and by the old, a message that comes again is answered as before, and an event that comes again is a duplicate.
    for (const [i, by] of [map, shards.maps[0]!].entries()) {
      for (let n = 0; n < 120; n += 7) {
        const again = await shards.ask(anEventOf(n, visitors), by, START);
        // But for the first touch: that may be better known by now.
        const { first_touch: _, ...before } = first[n] as ShardAnswer & { first_touch?: unknown };
        if (before.verdict !== "duplicate") expect(again).toMatchObject({ ...before, verdict: "redelivered" });
        const copy = { ...anEventOf(n, visitors), delivery: `copy-${i}-${n}:0` };
        expect(await shards.ask(copy, by, START)).toEqual({ verdict: "duplicate" });
      }
    }
    const lake = await shards.lake();
    expect(Object.values(lake).every((count) => count === 1)).toBe(true);
    expect(Object.keys(lake)).toHaveLength(before.events);
    // What was given away is stored there no more.
    for (const name of map.previous!.shards) {
      const rows = await runInDurableObject(shards.shard(name), (_, state) =>
        state.storage.sql.exec<{ body: ArrayBuffer }>("SELECT body FROM visitors").toArray(),
      );
      const stored = rows.flatMap(({ body }) => new TextDecoder().decode(body).trim().split("\n"));
      for (const line of stored) expect(shardOf(map, JSON.parse(line).anonymous_id)).toBe(name);
    }
  });
});

describe("sessions that are closed before, in and after a move", () => {
  /** The alarms of these shards, so many hours from now. */
  async function hoursLater(hours: number, shards: DurableObjectStub<VisitorShard>[]) {
    for (const shard of shards) {
      await runInDurableObject(shard, async (instance: VisitorShard) => {
        vi.useFakeTimers({ now: Date.now() + hours * 60 * MINUTE, toFake: ["Date"] });
        try {
          await instance.alarm();
        } finally {
          vi.useRealTimers();
        }
      });
    }
  }

  it.each<[string, number[], number[]]>([
    ["by the old owner only", [60], []],
    ["by the new owner only", [], [60]],
    ["first by the old owner, then by the new", [50], [51, 110]],
    ["by a new owner who has closed more than the old", [], [200]],
  ])("are closed once, %s", async (_, before, afterwards) => {
    const visitors = 12;
    const moving = anEnvironmentOfShards(1);
    const still = anEnvironmentOfShards(1);
    for (let n = 0; n < 60; n++) {
      for (const one of [moving, still]) await one.ask(anEventOf(n, visitors), one.maps[0]!, START + n * 3 * MINUTE);
    }
    for (const hours of before) for (const one of [moving, still]) await hoursLater(hours, [one.shard("s0")]);
    // Some come again, so that their records say more than what is closed.
    const later = Date.now() + (before[0] ?? 0) * 60 * MINUTE;
    for (let n = 200; n < 206; n++) {
      for (const one of [moving, still]) await one.ask(anEventOf(n, visitors), one.maps[0]!, later);
    }
    const map = moving.move(2);
    await moving.finish();
    for (const hours of [...afterwards, 400]) {
      await hoursLater(hours, map.shards.map(moving.shard));
      await hoursLater(hours, [still.shard("s0")]);
    }
    expect(await moving.totals()).toEqual(await still.totals());
    expect((await moving.totals()).closed_sessions).toBe((await still.totals()).sessions);
    expect(await told(moving, visitors)).toEqual(await told(still, visitors));
  });
});

describe("moves, one after the other, while events come", () => {
  it("give what shards that never move give, whatever is evicted, fails or is asked by an old map at any step", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const action = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("event" as const), stale: fc.nat(3) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("step" as const), shard: fc.nat(20), fail: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("evict" as const), shard: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const), shard: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("move" as const), to: fc.integer({ min: 1, max: 6 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 30, maxLength: 90 }), async (actions) => {
        const visitors = 12;
        const moving = anEnvironmentOfShards(3);
        const still = anEnvironmentOfShards(1);
        let n = 0;
        const waiting: { event: ShardEvent; expected: ShardAnswer | undefined }[] = [];
        const check = async ({ event, expected }: (typeof waiting)[number], map: ShardMap) => {
          const answer = await moving.ask(event, map, START + n);
          if (answer === undefined) waiting.push({ event, expected });
          else expect(answer).toEqual(expected);
        };
        // One visitor's events keep their order, as the comparison needs it: those that wait come first.
        const retry = async (map: ShardMap) => {
          for (const one of waiting.splice(0)) await check(one, map);
        };
        for (const one of actions) {
          const names = [...new Set(moving.maps.flatMap(shardsOf))];
          const map = moving.maps.at(-1)!;
          if (one.do === "event") {
            const by = moving.maps[Math.max(0, moving.maps.length - 1 - one.stale)]!;
            await retry(by);
            if (waiting.length) continue;
            const event = anEventOf(n++, visitors);
            await check({ event, expected: await still.ask(event, still.maps[0]!, START + n - 1) }, by);
          } else if (one.do === "move") {
            if (await moving.settled(map)) moving.move(one.to);
          } else if (one.do === "flush") await moving.shard(names[one.shard % names.length]!).flush();
          else if (one.do === "evict") {
            const shard = moving.shard(names[one.shard % names.length]!);
            // One that does not run cannot be evicted.
            await shard.stats();
            await evictDurableObject(shard);
          } else {
            const shard = moving.shard(map.shards[one.shard % map.shards.length]!);
            await shard.follow(map);
            const restore = await failing(shard, one.fail);
            await runDurableObjectAlarm(shard);
            await restore();
          }
        }
        await moving.finish();
        await retry(moving.maps.at(-1)!);
        expect(waiting).toEqual([]);
        const { duplicates: _, redelivered: __, ...expected } = await still.totals();
        expect(await moving.totals()).toMatchObject(expected);
        expect(await told(moving, visitors)).toEqual(await told(still, visitors));
        expect(await moving.lake()).toEqual(await still.lake());
      }),
      { numRuns: 25, endOnFailure: true },
    );
  }, 180_000);

  /** Lets so many of the shard's calls to others succeed; the next fails before or after it was carried out. Returns the undoing. */
  async function failing(shard: DurableObjectStub<VisitorShard>, after: number) {
    const real = await runInDurableObject(shard, (instance) => {
      let left = after;
      const peer = (name: string) => {
        const stub = env.VISITOR_SHARD.getByName(name);
        const call = async (work: () => Promise<unknown>): Promise<unknown> => {
          if (left-- > 0) return work();
          if (after % 2) await work();
          throw new Error("the network is gone");
        };
        return {
          handOver: (request: never) => call(async () => stub.handOver(request)),
          release: (released: never) => call(() => stub.release(released)),
        };
      };
      const real = (instance as unknown as { env: object }).env;
      (instance as unknown as { env: object }).env = { ...real, VISITOR_SHARD: { getByName: peer } };
      return real;
    });
    return () =>
      runInDurableObject(shard, (instance) => {
        (instance as unknown as { env: object }).env = real;
      });
  }
});
