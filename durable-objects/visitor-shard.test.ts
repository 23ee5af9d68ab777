import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gunzipSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { afterEach, describe, expect, it, vi } from "vitest";
import { hash64 } from "../core/hash.ts";
import { pack } from "../core/packed.ts";
import type { Visit } from "../core/session.ts";
import { anEvent } from "../test/an-event.ts";
import { EventLog } from "./event-log.ts";
import { linesOf } from "./visitor-facts.ts";
import { FINAL_AFTER_MS, type ShardAnswer, type ShardBatch, type VisitorShard } from "./visitor-shard.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const START = Date.parse("2026-11-20T10:00:00.000Z");
const MINUTE = 60_000;

let shards = 0;
const newShard = () => env.VISITOR_SHARD.getByName(`env_test/s${shards++}`);

interface Given {
  id: string;
  visitor?: string;
  minute?: number;
  delivery?: string;
  vendor_ids?: Record<string, string>;
  previous?: string;
  visit?: Visit;
}

/** A batch in which every event comes from its own queue message, unless `delivery` says otherwise. */
function batch(...given: Given[]): ShardBatch {
  return {
    events: given.map(
      ({ id, visitor = "a1", minute = 0, delivery = `q-${id}:0`, vendor_ids = {}, previous, visit }) => ({
        ...(visit && { visit }),
        message_id: id,
        anonymous_id: visitor,
        at: START + minute * MINUTE,
        delivery,
        vendor_ids,
        previous_id: previous,
      }),
    ),
    lines: given.map(({ id, visitor = "a1" }) =>
      JSON.stringify({
        source_id: "src",
        event: anEvent({ message_id: id, anonymous_id: visitor }),
        receipt: { steps: [] },
      }),
    ),
    session_timeout_ms: 30 * MINUTE,
    now: START,
  };
}

const verdicts = (answers: ShardAnswer[]) => answers.map((a) => a.verdict);
const sessions = (answers: ShardAnswer[]) => answers.map((a) => ("session" in a ? a.session.number : null));

async function lakeRows(shard: DurableObjectStub<VisitorShard>) {
  const [, name] = shard.name!.split("/");
  const { objects } = await env.LAKE.list({ prefix: "events/env=env_test/" });
  const files = objects.filter((o) => o.key.includes(`/${name}-`));
  const rows = await Promise.all(
    files.map(async ({ key }) => {
      const file = await (await env.LAKE.get(key))!.arrayBuffer();
      return parquetReadObjects({ file, compressors: { GZIP: (data) => gunzipSync(data) } });
    }),
  );
  return rows.flat();
}

describe("dedupe", () => {
  it("takes an event once, whichever message brings it again", async () => {
    const shard = newShard();
    expect(verdicts(await shard.apply(batch({ id: "m1" }, { id: "m2" })))).toEqual(["new", "new"]);
    expect(verdicts(await shard.apply(batch({ id: "m1", delivery: "other:0" })))).toEqual(["duplicate"]);
    expect(await shard.stats()).toMatchObject({ events: 2, duplicates: 1 });
  });

  it("finds a duplicate inside one message", async () => {
    const answers = await newShard().apply(batch({ id: "m1", delivery: "q:0" }, { id: "m1", delivery: "q:1" }));
    expect(verdicts(answers)).toEqual(["new", "duplicate"]);
  });

  it("answers a redelivered message as it did the first time, though the visitor has moved on", async () => {
    const shard = newShard();
    const first = batch({ id: "m1", vendor_ids: { fbp: "old" } });
    const [before] = await shard.apply(first);
    await shard.apply(batch({ id: "m2", minute: 90, vendor_ids: { fbp: "new" } }));
    const [again] = await shard.apply(first);
    expect(again).toEqual({ ...before, verdict: "redelivered" });
    expect(await shard.stats()).toMatchObject({ events: 2, redelivered: 1, duplicates: 0 });
  });
});

describe("two ids with one hash", () => {
  /** Two ids of which the index keeps the same 32 bits: among 200,000 there are some. */
  const [one, two] = (() => {
    const known = new Map<number, string>();
    for (let i = 0; ; i++) {
      const id = `collision-${i}`;
      const { low } = hash64(id);
      const other = known.get(low);
      if (other) return [other, id];
      known.set(low, id);
    }
  })();

  it.each<[string, (shard: DurableObjectStub<VisitorShard>) => Promise<void>]>([
    ["in one life", async () => {}],
    ["after an eviction", evictDurableObject],
    [
      "after a checkpoint and an eviction",
      async (shard) => {
        await shard.flush();
        await evictDurableObject(shard);
      },
    ],
  ])("are two events, and each has its own duplicates, %s", async (_, between) => {
    const shard = newShard();
    const first = await shard.apply(batch({ id: one }));
    await between(shard);
    const second = await shard.apply(batch({ id: two, minute: 90 }));
    await between(shard);
    const again = await shard.apply(
      batch({ id: two, delivery: "x:0" }, { id: one, delivery: "x:1" }, { id: one }, { id: two, minute: 90 }),
    );
    expect(verdicts([...first, ...second, ...again])).toEqual([
      "new",
      "new",
      "duplicate",
      "duplicate",
      "redelivered",
      "redelivered",
    ]);
    expect(sessions(again)).toEqual([null, null, 1, 2]);
  });

  it("are two events where all 64 bits are the same, forged in the shard's own table", async () => {
    const shard = newShard();
    await shard.apply(batch({ id: "kept" }));
    await shard.flush();
    await runInDurableObject(shard, (_, state) => {
      const { high, low } = hash64("forged");
      state.storage.sql.exec("UPDATE history SET keys = ?", Uint32Array.of(high, low, 1).buffer);
    });
    await evictDurableObject(shard);
    expect(verdicts(await shard.apply(batch({ id: "forged" })))).toEqual(["new"]);
    expect(verdicts(await shard.apply(batch({ id: "forged", delivery: "x:0" })))).toEqual(["duplicate"]);
  });
});

describe("what is remembered of ids", () => {
  it("is known for 26 hours, and forgotten then, in memory as after an eviction", async () => {
    const shard = newShard();
    const old = { ...batch({ id: "w1" }), now: Date.now() - 26 * 3_600_000 - MINUTE };
    await shard.apply(old);
    await shard.flush();
    await shard.apply({ ...batch({ id: "w2" }), now: Date.now() - 26 * 3_600_000 + MINUTE });
    await shard.flush();
    const again = batch({ id: "w1", delivery: "x:0" }, { id: "w2", delivery: "x:0" });
    expect(verdicts(await shard.apply({ ...again, now: Date.now() }))).toEqual(["duplicate", "duplicate"]);
    await runDurableObjectAlarm(shard);
    await shard.apply({ ...batch({ id: "w3" }), now: Date.now() });
    await runDurableObjectAlarm(shard);
    expect(await shard.stats()).toMatchObject({ dedupe: { ids: 2 } });
    expect(verdicts(await shard.apply({ ...again, now: Date.now() }))).toEqual(["new", "duplicate"]);
    await evictDurableObject(shard);
    expect(verdicts(await shard.apply({ ...again, now: Date.now() }))).toEqual(["redelivered", "duplicate"]);
  });

  it("is the hash alone in rows that an earlier version wrote, which had no ids", async () => {
    const shard = newShard();
    await runInDurableObject(shard, (_, state) => {
      const { high, low } = hash64("old");
      const facts = [high, low, hash64("q:0").low, "a1", START, 4, START, true, {}];
      const insert = "INSERT INTO history (first, count, received_at, keys, ids, facts) VALUES (1, 1, ?, ?, NULL, ?)";
      const keys = Uint32Array.of(...(facts.slice(0, 3) as number[])).buffer;
      state.storage.sql.exec(insert, Date.now(), keys, JSON.stringify([facts]));
      state.storage.sql.exec("INSERT INTO state VALUES (1, ?)", JSON.stringify({ events: 1, sessions: 1, next: 2 }));
    });
    await evictDurableObject(shard);
    const again = await shard.apply(batch({ id: "old", delivery: "x:0" }, { id: "old", delivery: "q:0" }));
    expect(verdicts(again)).toEqual(["duplicate", "redelivered"]);
    expect(sessions(again)).toEqual([null, 4]);
    expect(await shard.stats()).toMatchObject({ events: 1, sessions: 1 });
  });

  it("gives up the oldest where there are too many, and says so only where 24 hours are not kept", async () => {
    const shard = newShard();
    const hours = [25, 23, 1];
    for (const ago of hours) {
      await shard.apply({ ...batch({ id: `h${ago}` }), now: Date.now() - ago * 3_600_000 });
      await shard.flush();
    }
    const now = Date.now();
    const told = await runInDurableObject(shard, (_, state) => {
      const log = new EventLog(state.storage.sql, 4);
      const told = [3, 2, 1].map((most) => Math.floor((log.forget(now, most).shortened ?? 0) / 3_600_000));
      return [...told, ...hours.map((ago) => log.find(`h${ago}`)?.number)];
    });
    expect(told).toEqual([0, 0, 23, undefined, undefined, 3]);
  });
});

describe("sessions and vendor ids", () => {
  it("opens a session after 30 minutes without an event, for each visitor on its own", async () => {
    const answers = await newShard().apply(
      batch(
        { id: "m1" },
        { id: "m2", minute: 29 },
        { id: "m3", minute: 60 },
        { id: "m4", minute: 60, visitor: "a2" },
        { id: "m5", minute: 30 },
      ),
    );
    expect(sessions(answers)).toEqual([1, 1, 2, 1, 1]);
  });

  it("remembers vendor ids for events that come without them, and lets newer ones win", async () => {
    const shard = newShard();
    await shard.apply(batch({ id: "m1", vendor_ids: { fbp: "fb.1.1", ga_client_id: "1.1" } }));
    const [second] = await shard.apply(batch({ id: "m2", vendor_ids: { fbp: "fb.1.2" } }));
    expect(second).toMatchObject({ vendor_ids: { fbp: "fb.1.2", ga_client_id: "1.1" } });
  });
});

describe("a visitor without cookies who then has one", () => {
  const ids = (answers: ShardAnswer[]) => answers.map((a) => ("session" in a ? a.session.id : null));
  const story = [
    batch({ id: "t1", visitor: "hash" }, { id: "t2", visitor: "hash", minute: 1 }),
    batch({ id: "t3", visitor: "cookie", minute: 2, previous: "hash" }),
    batch({ id: "t4", visitor: "cookie", minute: 3, previous: "hash" }, { id: "t5", visitor: "cookie", minute: 90 }),
    batch({ id: "t6", visitor: "hash", minute: 91 }, { id: "t7", visitor: "cookie", minute: 92 }),
  ];

  it.each([
    ["in one life", async () => {}],
    ["though it is evicted between any two calls", evictDurableObject],
    [
      "though it goes to the lake between any two calls",
      async (shard: DurableObjectStub<VisitorShard>) => {
        await shard.flush();
        await evictDurableObject(shard);
      },
    ],
  ])("goes on with the session, and counts once, %s", async (_, between) => {
    const shard = newShard();
    const seen: (string | null)[] = [];
    for (const one of story) {
      seen.push(...ids(await shard.apply(one)));
      await between(shard);
      if (one === story[2]) expect(await shard.stats()).toMatchObject({ visitors: 1, sessions: 2 });
    }
    expect(new Set(seen.slice(0, 4)).size).toBe(1);
    expect(new Set(seen).size).toBe(3);
    expect(seen[6]).toBe(seen[4]);
    // The hash came again: another person with the same address and browser.
    expect(await shard.stats()).toMatchObject({ visitors: 2, sessions: 3 });
  });

  it("takes nothing from a visitor who is there already, nor from one not known", async () => {
    const shard = newShard();
    await shard.apply(batch({ id: "t10", visitor: "one" }, { id: "t11", visitor: "two" }));
    const [first, second] = ids(
      await shard.apply(
        batch(
          { id: "t12", visitor: "two", minute: 1, previous: "one" },
          { id: "t13", visitor: "three", previous: "nobody" },
        ),
      ),
    );
    expect(first).not.toBe(second);
    expect(await shard.stats()).toMatchObject({ visitors: 3, sessions: 3 });
  });
});

it("tells the vendor ids of a visitor, and none of a stranger", async () => {
  const shard = newShard();
  await shard.apply(batch({ id: "v1", visitor: "known", vendor_ids: { fbp: "fb.1.1700000000000.5" } }));
  expect(await shard.vendorIds("known")).toEqual({ fbp: "fb.1.1700000000000.5" });
  expect(await shard.vendorIds("stranger")).toEqual({});
});

describe("what a client may overdo", () => {
  it("remembers 32 vendor ids of a visitor, the newest, however many are sent", async () => {
    const shard = newShard();
    const ids = (from: number) =>
      Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`id${from + i}`, "x".repeat(500)]));
    await shard.apply(batch({ id: "m0", vendor_ids: { fbp: "old" } }));
    const answers = await shard.apply(
      batch(...Array.from({ length: 50 }, (_, i) => ({ id: `m${i + 1}`, vendor_ids: ids(i * 32) }))),
    );
    const last = answers.at(-1)!;
    expect("vendor_ids" in last && Object.keys(last.vendor_ids)).toEqual(Object.keys(ids(49 * 32)));
    await shard.flush();
    await evictDurableObject(shard);
    expect(verdicts(await shard.apply(batch({ id: "m7", delivery: "x:0" })))).toEqual(["duplicate"]);
  });

  it("splits a call over rows by the bytes of its text, not by its letters", async () => {
    const shard = newShard();
    const call = batch(...Array.from({ length: 60 }, (_, i) => ({ id: `m${i}` })));
    call.lines = linesOf(call.lines).map((line) => JSON.stringify({ ...JSON.parse(line), note: "水".repeat(20_000) }));
    await shard.apply(call);
    const sizes = await runInDurableObject(shard, (_, state) =>
      state.storage.sql.exec<{ bytes: number }>("SELECT length AS bytes FROM log").toArray(),
    );
    expect(sizes.length).toBeGreaterThan(3);
    for (const { bytes } of sizes) expect(bytes).toBeLessThan(1_100_000);
    await shard.flush();
    expect(await lakeRows(shard)).toHaveLength(60);
  });
});

describe("what a session was", () => {
  const view = (page: string): Visit => ({ kind: "view", page });
  const story = [
    batch({ id: "e1", visitor: "eve", minute: 1, visit: { kind: "action" } }),
    batch({
      id: "e2",
      visitor: "eve",
      minute: 0,
      visit: { ...view("/landing"), campaign: { key: "k", source: "news" } },
    }),
    batch(
      { id: "e3", visitor: "eve", minute: 9, visit: view("/shoes") },
      { id: "b1", visitor: "bob", visit: view("/") },
    ),
    batch(
      { id: "e2", visitor: "eve", minute: 0, visit: view("/landing") },
      { id: "e3", visitor: "eve", delivery: "x:0" },
    ),
    batch({ id: "e4", visitor: "eve", minute: 100, visit: view("/again") }),
  ];
  const expected = [
    {
      anonymous_id: "eve",
      number: 1,
      started_at: "2026-11-20T10:00:00.000Z",
      ended_at: "2026-11-20T10:09:00.000Z",
      events: 3,
      page_views: 2,
      entry_page: "/landing",
      exit_page: "/shoes",
      campaign: { source: "news" },
      engaged_s: 6 * 60,
      is_bounce: false,
    },
    { number: 2, events: 1, entry_page: "/again", exit_page: "/again", engaged_s: 0, is_bounce: true },
  ];
  const toTheLake = async (shard: DurableObjectStub<VisitorShard>) => {
    await shard.flush();
    await evictDurableObject(shard);
  };
  /** As if so much time had passed: what is stored of when things happened is older by it. */
  const wait = (shard: DurableObjectStub<VisitorShard>) =>
    runInDurableObject(shard, async (instance: VisitorShard) => {
      vi.useFakeTimers({ now: START + FINAL_AFTER_MS + 2 * 3_600_000, toFake: ["Date"] });
      try {
        await instance.alarm();
      } finally {
        vi.useRealTimers();
      }
    });

  it.each([
    ["in one life", async () => {}],
    ["though it is evicted between any two calls", evictDurableObject],
    ["though it goes to the lake between any two calls", toTheLake],
  ])("is told, %s", async (_, between) => {
    const shard = newShard();
    const entries: unknown[] = [];
    for (const one of story) {
      const answers = await shard.apply(one);
      entries.push(...answers.map((a) => ("session" in a ? (a.session.entry_page ?? null) : a.verdict)));
      await between(shard);
    }
    // The first event came before its session had a page, and what it was told stays.
    expect(entries).toEqual([null, "/landing", "/landing", "/", "/landing", "duplicate", "/again"]);
    expect(await shard.sessions("eve")).toMatchObject(expected.map((one) => ({ ...one, is_final: false })));
    expect(await shard.stats()).toMatchObject({ sessions: 3, closed_sessions: 0 });

    await wait(shard);
    await between(shard);
    expect(await shard.sessions("eve")).toMatchObject(expected.map((one) => ({ ...one, is_final: true })));
    expect(await shard.stats()).toMatchObject({ closed_sessions: 3, bounces: 2, engaged_s: 360, sessions: 3 });
    // Once: not again when nothing happened since, nor when the visitor comes again.
    await wait(shard);
    const [back] = await shard.apply(batch({ id: "e5", visitor: "eve", minute: 5_000, visit: view("/back") }));
    expect(back).toMatchObject({ session: { number: 3, is_new: true } });
    await between(shard);
    expect((await shard.sessions("eve")).map((s) => [s.number, s.is_final])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
    expect(await shard.stats()).toMatchObject({ closed_sessions: 3 });
  });

  it.each([
    ["in one life", async () => {}],
    ["though it is evicted between any two calls", evictDurableObject],
    ["though it goes to the lake between any two calls", toTheLake],
  ])("is final as soon as the visitor comes again after a day, %s", async (_, between) => {
    const shard = newShard();
    for (const one of [...story, batch({ id: "e5", visitor: "eve", minute: 3_000, visit: view("/late") })]) {
      await shard.apply(one);
      await between(shard);
    }
    expect((await shard.sessions("eve")).map((s) => [s.number, s.events, s.is_final])).toEqual([
      [1, 3, true],
      [2, 1, true],
      [3, 1, false],
    ]);
    await shard.flush();
    expect(await shard.stats()).toMatchObject({ closed_sessions: 2, bounces: 1, engaged_s: 360 });
  });

  it("counts no event twice where visitors are saved while events wait", async () => {
    const shard = newShard();
    await shard.apply(batch({ id: "s1", visit: view("/1") }));
    // An event that comes while the file is written: its visitor is saved with the others, and it stays in the log.
    await runInDurableObject(shard, async (instance: VisitorShard) => {
      const flushed = instance.flush();
      await instance.apply(batch({ id: "s2", minute: 1, visit: view("/2") }));
      await flushed;
    });
    await shard.apply(batch({ id: "s3", minute: 2, visit: view("/3") }));
    await evictDurableObject(shard);
    expect(await shard.sessions("a1")).toMatchObject([{ events: 3, page_views: 3, entry_page: "/1", exit_page: "/3" }]);
    expect(await shard.stats()).toMatchObject({ sessions: 1, visitors: 1, events: 3 });
  });

  it("begins anew with another campaign where the environment asks for it", async () => {
    const campaigns = ["a", "b", "a", undefined];
    const events = campaigns.map((key, i) => ({
      id: `c${i}`,
      minute: i,
      visit: { kind: "other", ...(key && { campaign: { key } }) } as Visit,
    }));
    expect(sessions(await newShard().apply(batch(...events)))).toEqual([1, 1, 1, 1]);
    const asked = { ...batch(...events), new_session_on_campaign: true };
    expect(sessions(await newShard().apply(asked))).toEqual([1, 2, 1, 2]);
  });

  it("of a robot with a campaign for every request fits into a row, however long its names", async () => {
    const shard = newShard();
    const campaign = (i: number) => ({
      key: `k${i}`,
      ...Object.fromEntries(
        ["source", "medium", "name", "term", "content"].map((name) => [name, "\u0001".repeat(256)]),
      ),
    });
    const page = "水".repeat(256);
    for (let call = 0; call < 4; call++) {
      const given = Array.from({ length: 200 }, (_, i) => ({
        id: `r${call}-${i}`,
        visit: { kind: "view", page, campaign: campaign(call * 200 + i) } as Visit,
      }));
      await shard.apply({ ...batch(...given), new_session_on_campaign: true });
    }
    await shard.flush();
    await evictDurableObject(shard);
    expect(await shard.stats()).toMatchObject({ sessions: 800, closed_sessions: 700 });
    expect(await shard.sessions("a1")).toHaveLength(800);
  });
});

describe("a shard that nobody woke", () => {
  it("says what waits, since when, and when it will wake", async () => {
    const shard = newShard();
    expect(await shard.stats()).toMatchObject({ waiting_events: 0, oldest_waiting_s: null, alarm_at: null });
    await shard.apply({ ...batch({ id: "m1" }), now: Date.now() - 90_000 });
    await shard.apply({ ...batch({ id: "m2" }), now: Date.now() });
    const { oldest_waiting_s, alarm_at, ...stats } = await shard.stats();
    expect(stats).toMatchObject({ waiting_events: 2, storage_bytes: expect.any(Number) });
    expect(oldest_waiting_s).toBeGreaterThanOrEqual(90);
    expect(Math.abs(Date.parse(alarm_at!) - Date.now() - 5 * MINUTE)).toBeLessThan(10_000);
  });

  it.each([
    [9, false],
    [11, true],
  ])("is woken by the watchdog, after %i minutes: %s", async (minutes, rearmed) => {
    const shard = newShard();
    await shard.apply({ ...batch({ id: "m1" }), now: Date.now() - minutes * MINUTE });
    await runInDurableObject(shard, (_, state) => state.storage.deleteAlarm());
    expect(await shard.tend()).toMatchObject({ rearmed, waiting_events: 1 });
  });

  it("wakes once more, when its sessions are final, and then no more", async () => {
    const shard = newShard();
    await shard.apply({ ...batch({ id: "m1" }), now: Date.now() });
    await runDurableObjectAlarm(shard);
    const alarm = Date.parse((await shard.stats()).alarm_at!);
    expect(alarm - Date.now()).toBeGreaterThan(FINAL_AFTER_MS);
    await runInDurableObject(shard, async (instance: VisitorShard, state) => {
      vi.useFakeTimers({ now: alarm, toFake: ["Date"] });
      await state.storage.deleteAlarm();
      await instance.alarm();
    });
    vi.useRealTimers();
    expect(await shard.stats()).toMatchObject({ closed_sessions: 1, alarm_at: null });
  });
});

describe("eviction", () => {
  it("loses nothing and counts nothing twice when it strikes between any two calls", async () => {
    const calls = [
      batch({ id: "m1", vendor_ids: { fbp: "x" } }, { id: "m2", visitor: "a2" }),
      batch({ id: "m3", minute: 20 }, { id: "m1", delivery: "again:0" }),
      batch({ id: "m4", minute: 70 }),
      batch({ id: "m1", vendor_ids: { fbp: "x" } }),
      // Now, or the alarm would forget them: it goes by the real clock.
    ].map((call) => ({ ...call, now: Date.now() }));
    const steady = newShard();
    const evicted = newShard();
    for (const [i, call] of calls.entries()) {
      const expected = await steady.apply(call);
      expect(await evicted.apply(call)).toEqual(expected);
      if (i === 1) await runDurableObjectAlarm(evicted);
      await evictDurableObject(evicted);
    }
    const {
      storage_bytes: _,
      rows_written: __,
      dedupe: ___,
      lake_files,
      waiting_events,
      ...expected
    } = await steady.stats();
    const stats = await evicted.stats();
    // Counters of duplicates are of this instance until a checkpoint saves them; events, visitors and sessions never lag.
    expect(stats).toMatchObject({ events: expected.events, visitors: expected.visitors, sessions: expected.sessions });
    await steady.flush();
    await evicted.flush();
    const ids = (await lakeRows(evicted)).map((row) => row.message_id).sort();
    expect(ids).toEqual(["m1", "m2", "m3", "m4"]);
    expect((await lakeRows(steady)).map((row) => row.message_id).sort()).toEqual(ids);
  });

  it("still knows duplicates, redelivered messages and visitors after a checkpoint and an eviction", async () => {
    const shard = newShard();
    const first = batch({ id: "m1", vendor_ids: { ttp: "t" } });
    const [before] = await shard.apply(first);
    await shard.flush();
    await evictDurableObject(shard);
    const answers = await shard.apply(
      batch({ id: "m1", delivery: "q-m1:0" }, { id: "m1", delivery: "x:0" }, { id: "m2", minute: 5 }),
    );
    expect(answers).toEqual([
      { ...before, verdict: "redelivered" },
      { verdict: "duplicate" },
      expect.objectContaining({
        verdict: "new",
        vendor_ids: { ttp: "t" },
        session: expect.objectContaining({ number: 1 }),
      }),
    ]);
  });
});

describe("the lake", () => {
  it("gets every event once as Parquet, with what the shard added", async () => {
    const shard = newShard();
    await shard.apply(batch({ id: "m1", vendor_ids: { fbp: "x" } }, { id: "m2", minute: 45 }));
    await shard.apply(batch({ id: "m1", delivery: "again:0" }));
    expect(await runDurableObjectAlarm(shard)).toBe(true);
    const rows = await lakeRows(shard);
    expect(rows.map((row) => [row.message_id, row.session_number])).toEqual([
      ["m1", 1],
      ["m2", 2],
    ]);
    expect(JSON.parse(rows[0]!.event_json as string).context).toMatchObject({
      vendor_ids: { fbp: "x" },
      session: { number: 1 },
    });
    expect(await shard.stats()).toMatchObject({ waiting_events: 0, lake_files: 1 });
  });

  it("takes a whole checkpoint of events that compress badly", async () => {
    const shard = newShard();
    const noise = () => Array.from(crypto.getRandomValues(new Uint8Array(500)), (b) => b.toString(36)).join("");
    for (let call = 0; call < 4; call++) {
      const big = batch(...Array.from({ length: 500 }, (_, i) => ({ id: `m${call}-${i}`, visitor: `v${i}` })));
      big.lines = linesOf(big.lines).map((line) =>
        JSON.stringify({ ...JSON.parse(line), noise: noise(), receipt: { steps: [noise()] } }),
      );
      await shard.apply(big);
    }
    await shard.flush();
    expect(new Set((await lakeRows(shard)).map((row) => row.message_id)).size).toBe(2_000);
  });

  it("writes the same file again after a crash between the file and the commit, and no second one", async () => {
    const shard = newShard();
    await shard.apply(batch({ id: "m1" }, { id: "m2" }));
    await runInDurableObject(shard, async (_, state) => {
      // What a crash leaves behind: the range is chosen and saved, the log still there.
      const { body } = state.storage.sql.exec<{ body: string }>("SELECT body FROM state").toArray()[0] ?? {
        body: "{}",
      };
      const saved = {
        events: 0,
        sessions: 0,
        duplicates: 0,
        redelivered: 0,
        lake_files: 0,
        next: 1,
        ...JSON.parse(body),
      };
      const writing = { first: 1, end: 3 };
      state.storage.sql.exec("INSERT OR REPLACE INTO state VALUES (1, ?)", JSON.stringify({ ...saved, writing }));
    });
    await evictDurableObject(shard);
    await shard.apply(batch({ id: "m3" }));
    await shard.flush();
    expect((await lakeRows(shard)).map((row) => row.message_id).sort()).toEqual(["m1", "m2", "m3"]);
    expect(await shard.stats()).toMatchObject({ lake_files: 2, events: 3 });
  });

  it("keeps the log and sets its alarm again when R2 fails", async () => {
    const shard = newShard();
    await shard.apply(batch({ id: "m1" }));
    await runInDurableObject(shard, (instance) => {
      (instance as unknown as { env: object }).env = { LAKE: { put: () => Promise.reject(new Error("R2 is down")) } };
    });
    await runDurableObjectAlarm(shard);
    expect(await shard.stats()).toMatchObject({ waiting_events: 1, events: 1 });
    expect(await runInDurableObject(shard, (_, state) => state.storage.getAlarm())).not.toBeNull();
    await evictDurableObject(shard);
    await shard.flush();
    expect(await lakeRows(shard)).toHaveLength(1);
  });
});

it("writes one row for a call, however many events it brings", async () => {
  const shard = newShard();
  await shard.apply(batch({ id: "warm" }));
  const { rows_written: before } = await shard.stats();
  await shard.apply(batch(...Array.from({ length: 500 }, (_, i) => ({ id: `m${i}`, visitor: `v${i}` }))));
  expect((await shard.stats()).rows_written - before).toBe(1);
});

it("stores of a call with duplicates only the lines of what is new, though they came packed", async () => {
  const shard = newShard();
  const packed = (call: ShardBatch) => ({ ...call, lines: pack(linesOf(call.lines).join("\n")) });
  await shard.apply(packed(batch({ id: "p1" }, { id: "p2", visitor: "a2" })));
  await shard.apply(packed(batch({ id: "p1", delivery: "x:0" }, { id: "p3" }, { id: "p2", delivery: "x:1" })));
  await evictDurableObject(shard);
  await shard.flush();
  expect((await lakeRows(shard)).map((row) => row.message_id).sort()).toEqual(["p1", "p2", "p3"]);
});

it("reads on what an earlier version stored: facts and lines as text", async () => {
  const shard = newShard();
  await runInDurableObject(shard, async (_, state) => {
    const { high, low } = hash64("old");
    const facts = [
      high,
      low,
      hash64("q:0").low,
      "a1",
      START,
      1,
      START,
      true,
      {},
      null,
      "/",
      "old",
      { kind: "view", page: "/" },
    ];
    const [line] = linesOf(batch({ id: "old" }).lines);
    const { sql } = state.storage;
    sql.exec("DROP TABLE log; DROP TABLE moves");
    sql.exec(
      `CREATE TABLE log (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, facts TEXT NOT NULL, lines TEXT NOT NULL)`,
    );
    sql.exec("INSERT INTO log VALUES (1, 1, ?, ?, ?)", Date.now(), JSON.stringify([facts]), line!);
    await state.storage.put("migrated", 2);
  });
  await evictDurableObject(shard);
  expect(verdicts(await shard.apply(batch({ id: "old", delivery: "x:0" }, { id: "old", delivery: "q:0" })))).toEqual([
    "duplicate",
    "redelivered",
  ]);
  await shard.flush();
  expect(await lakeRows(shard)).toMatchObject([{ message_id: "old", session_number: 1 }]);
});
