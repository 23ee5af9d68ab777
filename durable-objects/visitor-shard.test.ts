import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gunzipSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import type { ShardAnswer, ShardBatch, VisitorShard } from "./visitor-shard.ts";

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
}

/** A batch in which every event comes from its own queue message, unless `delivery` says otherwise. */
function batch(...given: Given[]): ShardBatch {
  return {
    events: given.map(({ id, visitor = "a1", minute = 0, delivery = `q-${id}:0`, vendor_ids = {}, previous }) => ({
      message_id: id,
      anonymous_id: visitor,
      at: START + minute * MINUTE,
      delivery,
      vendor_ids,
      previous_id: previous,
    })),
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
const sessions = (answers: ShardAnswer[]) => answers.map((a) => (a.verdict === "duplicate" ? null : a.session.number));

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
  const ids = (answers: ShardAnswer[]) => answers.map((a) => (a.verdict === "duplicate" ? null : a.session.id));
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
    expect(last.verdict !== "duplicate" && Object.keys(last.vendor_ids)).toEqual(Object.keys(ids(49 * 32)));
    await shard.flush();
    await evictDurableObject(shard);
    expect(verdicts(await shard.apply(batch({ id: "m7", delivery: "x:0" })))).toEqual(["duplicate"]);
  });

  it("splits a call over rows by the bytes of its text, not by its letters", async () => {
    const shard = newShard();
    const call = batch(...Array.from({ length: 60 }, (_, i) => ({ id: `m${i}` })));
    call.lines = call.lines.map((line) => JSON.stringify({ ...JSON.parse(line), note: "水".repeat(20_000) }));
    await shard.apply(call);
    const sizes = await runInDurableObject(shard, (_, state) =>
      state.storage.sql.exec<{ bytes: number }>("SELECT length(CAST(lines AS BLOB)) AS bytes FROM log").toArray(),
    );
    expect(sizes.length).toBeGreaterThan(3);
    for (const { bytes } of sizes) expect(bytes).toBeLessThan(1_100_000);
    await shard.flush();
    expect(await lakeRows(shard)).toHaveLength(60);
  });
});

describe("eviction", () => {
  it("loses nothing and counts nothing twice when it strikes between any two calls", async () => {
    const calls = [
      batch({ id: "m1", vendor_ids: { fbp: "x" } }, { id: "m2", visitor: "a2" }),
      batch({ id: "m3", minute: 20 }, { id: "m1", delivery: "again:0" }),
      batch({ id: "m4", minute: 70 }),
      batch({ id: "m1", vendor_ids: { fbp: "x" } }),
    ];
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
      big.lines = big.lines.map((line) =>
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
