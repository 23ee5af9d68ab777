import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Visit } from "../core/session.ts";
import { firstShardMap, nextShardMap, shardOf } from "../core/shard-map.ts";
import { anEvent } from "../test/an-event.ts";
import type { ShardBatch, Timeline } from "./visitor-shard.ts";

const ids = (timeline: Timeline) =>
  timeline.events.map(({ event_json }) => JSON.parse(event_json).message_id as string);

let shards = 0;
const newShard = () => env.VISITOR_SHARD.getByName(`env_line/s${shards++}`);
const HOUR = 3_600_000;

function batch(ids: string[], visitor = "a1", given: Partial<ShardBatch["events"][number]> = {}): ShardBatch {
  return {
    events: ids.map((id) => ({
      message_id: id,
      anonymous_id: visitor,
      at: Date.now() - HOUR,
      delivery: `q-${id}:0`,
      vendor_ids: {},
      ...given,
    })),
    lines: ids.map((id) =>
      JSON.stringify({
        source_id: "src",
        event: anEvent({ message_id: id, anonymous_id: visitor }),
        receipt: { steps: [] },
      }),
    ),
    session_timeout_ms: 1_800_000,
    now: Date.now(),
  };
}

describe("a visitor's events", () => {
  it("come newest first, from what waits and from the lake, in pages that go on where the last one ended", async () => {
    const shard = newShard();
    for (let file = 0; file < 4; file++) {
      await shard.apply(batch([`f${file}-0`, `f${file}-1`]));
      await shard.apply(batch([`other-${file}`], "somebody"));
      await shard.apply(batch([`f${file}-2`]));
      if (file < 3) await shard.flush();
    }
    await evictDurableObject(shard);
    const all = [3, 2, 1, 0].flatMap((file) => [2, 1, 0].map((n) => `f${file}-${n}`));
    const whole = await shard.eventsOf({ anonymous_id: "a1", limit: 100 });
    expect(ids(whole)).toEqual(all);
    expect(whole).toMatchObject({ lake_files: 3 });
    expect(whole.next).toBeUndefined();
    const [newest] = whole.events;
    expect(newest!.source_id).toBe("src");
    expect(JSON.parse(newest!.event_json)).toMatchObject({ context: { session: { number: 1 } } });
    for (const limit of [1, 2, 5, 12]) {
      const seen: string[] = [];
      let before: string | undefined;
      do {
        const page = await shard.eventsOf({ anonymous_id: "a1", limit, before });
        expect(page.events.length).toBeLessThanOrEqual(limit);
        seen.push(...ids(page));
        before = page.next;
        // What waited goes to the lake between two pages: the place stays.
        if (limit === 2) await shard.flush();
      } while (before !== undefined);
      expect(seen).toEqual(all);
    }
    // A page of what waits reads no file.
    await shard.apply(batch(["last-0", "last-1"]));
    expect(await shard.eventsOf({ anonymous_id: "a1", limit: 1 })).toMatchObject({ lake_files: 0 });
    expect(await shard.eventsOf({ anonymous_id: "nobody", limit: 10 })).toEqual({ events: [], lake_files: 0 });
  });

  it("are those of the newest 64 files", async () => {
    const shard = newShard();
    for (let file = 0; file < 66; file++) {
      await shard.apply(batch([`e${file}`]));
      await shard.flush();
    }
    const seen: string[] = [];
    let before: string | undefined;
    do {
      const page = await shard.eventsOf({ anonymous_id: "a1", limit: 50, before });
      expect(page.lake_files).toBeLessThanOrEqual(8);
      seen.push(...ids(page));
      before = page.next;
    } while (before !== undefined);
    expect(seen).toEqual(Array.from({ length: 64 }, (_, i) => `e${65 - i}`));
  });

  it("are still found when the visitor has moved to another shard, and has come again there", async () => {
    const environment = `env_line_moves_${shards++}`;
    const first = firstShardMap(1);
    const map = nextShardMap(first, 2);
    const visitor = Array.from({ length: 20 }, (_, i) => `v${i}`).find((id) => shardOf(map, id) === "s1")!;
    const [old, fresh] = ["s0", "s1"].map((name) => env.VISITOR_SHARD.getByName(`${environment}/${name}`));
    await old!.apply(batch(["before-0"], visitor));
    await old!.flush();
    await old!.apply(batch(["before-1"], visitor));
    await fresh!.follow(map);
    await expect.poll(async () => (await fresh!.follow(map)).settled, { timeout: 10_000 }).toBe(true);
    await fresh!.apply({ ...batch(["after-0"], visitor), map });
    await fresh!.flush();
    await fresh!.apply({ ...batch(["after-1"], visitor), map });
    const seen: string[] = [];
    let before: string | undefined;
    do {
      const page = await fresh!.eventsOf({ anonymous_id: visitor, limit: 1, before });
      seen.push(...ids(page));
      before = page.next;
    } while (before !== undefined);
    expect(seen).toEqual(["after-1", "after-0", "before-1", "before-0"]);
  });
});

describe("what first brought a visitor", () => {
  const view = (page: string, given: Partial<Visit> = {}): Visit => ({ kind: "view", page, ...given });
  const at = Date.now() - HOUR;
  const touches = [
    batch(["t1"], "a1", { at: at + 2_000, visit: view("/second") }),
    batch(["t2"], "a1", {
      at,
      visit: view("/landing", { campaign: { key: "k", source: "news" }, referrer: "https://b.example/" }),
    }),
    batch(["t3"], "a1", { at: at + 1_000, visit: { kind: "action" } }),
    batch(["t4"], "a1", { at, visit: view("/same-time") }),
  ];
  const expected = {
    at,
    message_id: "t2",
    touch: { campaign: { source: "news" }, referrer: "https://b.example/", page: "/landing", is_referred: true },
  };

  it.each([
    ["as it came", [0, 1, 2, 3]],
    ["backwards", [3, 2, 1, 0]],
    ["shuffled", [2, 3, 0, 1]],
  ])(
    "is the earliest, %s, though the shard is evicted in between, and is told with who says who they are",
    async (_, order) => {
      const shard = newShard();
      for (const i of order) {
        await shard.apply(touches[i]!);
        if (i === 2) await shard.flush();
        await evictDurableObject(shard);
      }
      const [anonymous] = await shard.apply(batch(["t5"]));
      expect(anonymous).not.toHaveProperty("first_touch");
      const [identified] = await shard.apply(batch(["t6"], "a1", { is_identified: true }));
      expect(identified).toMatchObject({ verdict: "new", first_touch: expected });
      const [again] = await shard.apply(batch(["t6"], "a1", { is_identified: true }));
      expect(again).toEqual({ ...identified, verdict: "redelivered" });
    },
  );

  it("is nothing where nothing was seen", async () => {
    const [answer] = await newShard().apply(batch(["t1"], "a1", { is_identified: true, visit: { kind: "other" } }));
    expect(answer).not.toHaveProperty("first_touch");
  });
});

describe("a visitor who is deleted", () => {
  it.each([
    ["in one life", async () => {}],
    ["though the shard is evicted in between", evictDurableObject],
  ])("is known no more, and what happened before does not bring them back, %s", async (_, between) => {
    const shard = newShard();
    await shard.apply(
      batch(["m1"], "gone", { vendor_ids: { fbp: "secret-fbp" }, visit: { kind: "view", page: "/secret" } }),
    );
    await shard.apply(batch(["s1"], "stays", { vendor_ids: { fbp: "x" } }));
    await shard.flush();
    await shard.apply(batch(["m2"], "gone"));
    await between(shard);
    const forgotten = await shard.forget("gone");
    expect(forgotten!.lake_files).toHaveLength(2);
    for (const key of forgotten!.lake_files) expect(await env.LAKE.head(key)).not.toBeNull();
    await between(shard);

    expect(await shard.stats()).toMatchObject({ visitors: 1, waiting_events: 0 });
    expect(await shard.vendorIds("gone")).toEqual({});
    expect(await shard.sessions("gone")).toEqual([]);
    expect(await shard.eventsOf({ anonymous_id: "gone", limit: 10 })).toEqual({ events: [], lake_files: 0 });
    expect(await shard.vendorIds("stays")).toEqual({ fbp: "x" });
    // Late, a duplicate, redelivered: of before, and so of nobody.
    for (const ids of [["m3"], ["m1"], ["m2"]]) {
      expect(await shard.apply(batch(ids, "gone"))).toEqual([{ verdict: "forgotten" }]);
      await between(shard);
    }
    expect(await shard.stats()).toMatchObject({ visitors: 1, events: 3 });
    // Here again: somebody new, whose session has an id of its own.
    const [back] = await shard.apply(batch(["m4"], "gone", { at: forgotten!.forgotten_at + 1 }));
    expect(back).toMatchObject({ verdict: "new", session: { number: 2, is_new: true }, vendor_ids: {} });
    await between(shard);
    expect(await shard.stats()).toMatchObject({ visitors: 2 });
    expect(await shard.apply(batch(["m5"], "gone"))).toEqual([{ verdict: "forgotten" }]);
  });

  it("leaves nothing of theirs in the records, and is forgotten also where nobody knew them", async () => {
    const shard = newShard();
    await shard.apply(
      batch(["r1"], "gone", { vendor_ids: { fbp: "secret-fbp" }, visit: { kind: "view", page: "/secret" } }),
    );
    await shard.flush();
    await shard.apply(batch(["r2"], "gone", { vendor_ids: { fbp: "secret-too" } }));
    await shard.forget("gone");
    await shard.forget("never-seen");
    const stored = await runInDurableObject(shard, (_, { storage: { sql } }) => {
      const visitors = sql.exec<{ body: ArrayBuffer }>("SELECT body FROM visitors").toArray();
      const closed = sql.exec<{ body: string }>("SELECT body FROM closed").toArray();
      return [...visitors.map(({ body }) => new TextDecoder().decode(body)), ...closed.map(({ body }) => body)].join();
    });
    expect(stored).not.toContain("secret");
    expect(await shard.apply(batch(["r3"], "never-seen"))).toEqual([{ verdict: "forgotten" }]);
    expect(await shard.stats()).toMatchObject({ visitors: 0 });
  });
});
