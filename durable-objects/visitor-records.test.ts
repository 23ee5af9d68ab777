import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { hash64 } from "../core/hash.ts";
import { FORGET_AFTER_MS, type VisitorRecord, VisitorRecords } from "./visitor-records.ts";

const NOW = Date.parse("2026-11-20T10:00:00.000Z");
const DAY = 86_400_000;

/** Runs with the SQL storage of a shard of its own, which has the table. */
let shards = 0;
const withStorage = (test: (sql: SqlStorage) => void) =>
  runInDurableObject(env.VISITOR_SHARD.getByName(`env_records/s${shards++}`), (_, state) => test(state.storage.sql));

const aRecord = (anonymous_id: string, given: Partial<VisitorRecord> = {}): VisitorRecord => ({
  anonymous_id,
  first_seen: NOW,
  last_seen: NOW,
  last_number: 1,
  sessions: [{ number: 1, opened: NOW, start: NOW, end: NOW }],
  vendor_ids: { fbp: `fb.1.${NOW}.123` },
  ...given,
});

const blobs = (sql: SqlStorage) =>
  sql
    .exec<{ n: number; records: number }>("SELECT count(*) AS n, sum(length(keys)) / 12 AS records FROM visitors")
    .one();
const stored = (sql: SqlStorage) =>
  sql
    .exec<{ body: ArrayBuffer }>("SELECT body FROM visitors")
    .toArray()
    .map(({ body }) => new TextDecoder().decode(body))
    .join("");

describe("records", () => {
  it("are there again after a restart, with few rows written", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      const all = Array.from({ length: 1_000 }, (_, i) => aRecord(`gość-${i}`, { last_number: i }));
      for (const record of all) records.set(record);
      expect(records.save()).toBeLessThanOrEqual(5);
      const again = new VisitorRecords(sql);
      expect(again.size).toBe(1_000);
      expect(all.map(({ anonymous_id }) => again.get(anonymous_id))).toEqual(all);
      expect(again.get("stranger")).toBeUndefined();
    }));

  it("that were not saved are not there after a restart; the log brings them again", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      records.set(aRecord("a1"));
      expect(records.get("a1")).toEqual(aRecord("a1"));
      expect(new VisitorRecords(sql).get("a1")).toBeUndefined();
    }));

  it("are known by their newest version, in memory and after a restart", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      for (let version = 1; version <= 3; version++) {
        records.set(aRecord("a1", { last_number: version }));
        records.set(aRecord(`other-${version}`));
        records.save();
      }
      expect(records.get("a1")!.last_number).toBe(3);
      expect(new VisitorRecords(sql).get("a1")!.last_number).toBe(3);
    }));

  it("are counted once each, saved or not", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      records.set(aRecord("a1"));
      records.set(aRecord("a2"));
      expect(records.size).toBe(2);
      records.save();
      records.set(aRecord("a2", { last_number: 2 }));
      records.set(aRecord("a3"));
      expect(records.size).toBe(3);
      records.save();
      expect([records.size, new VisitorRecords(sql).size]).toEqual([3, 3]);
    }));

  it("may be larger than a blob is meant to be", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      const sessions = Array.from({ length: 3_000 }, (_, i) => ({ number: i, opened: NOW, start: NOW, end: NOW }));
      const large = aRecord("busy bot", { sessions });
      for (const record of [aRecord("before"), large, aRecord("after")]) records.set(record);
      records.save();
      const again = new VisitorRecords(sql);
      expect(again.get("busy bot")).toEqual(large);
      expect(again.get("before")).toEqual(aRecord("before"));
      expect(again.get("after")).toEqual(aRecord("after"));
    }));

  it("of another visitor with the same hash are not taken for one's own", () =>
    withStorage((sql) => {
      const { high, low } = hash64("a1");
      const body = new TextEncoder().encode(`${JSON.stringify(aRecord("a2"))}\n`).buffer;
      const insert = "INSERT INTO visitors (id, seen_from, seen_to, keys, body) VALUES (1, 0, 0, ?, ?)";
      sql.exec(insert, Uint32Array.of(high, low, 0).buffer, body);
      expect(new VisitorRecords(sql).get("a1")).toBeUndefined();
    }));
});

describe("many records at once", () => {
  it("are those that one reads one by one, in their newest version, the long ones too", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      const long = { fbp: "x".repeat(5_000) };
      const all = Array.from({ length: 900 }, (_, i) => aRecord(`gość-${i}`, i % 9 ? {} : { vendor_ids: long }));
      for (const record of all) records.set(record);
      records.save();
      const newest = aRecord("gość-5", { last_number: 2 });
      records.set(newest);
      records.save();
      const unsaved = aRecord("gość-6", { last_number: 3 });
      const again = new VisitorRecords(sql);
      again.set(unsaved);
      again.load([...all.map((record) => record.anonymous_id), "stranger", "gość-1"]);
      const expected = all.with(5, newest).with(6, unsaved);
      expect(all.map(({ anonymous_id }) => again.get(anonymous_id))).toEqual(expected);
      expect(again.get("stranger")).toBeUndefined();
    }));
});

describe("records by when their visitors were seen", () => {
  const seen = (records: VisitorRecords, after: number, until: number) =>
    [...records.seenBetween(after, until)].map((record) => record.anonymous_id).sort();

  it("are each found in one of several windows, and only by their newest version, also after a restart and a cleaning", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      for (let hour = 0; hour < 6; hour++) {
        for (const id of [`once-${hour}`, "often"]) records.set(aRecord(id, { last_seen: NOW + hour }));
        records.save();
      }
      for (const known of [records, new VisitorRecords(sql)]) {
        expect(seen(known, NOW, NOW + 3)).toEqual(["once-1", "once-2", "once-3"]);
        expect(seen(known, NOW + 3, NOW + 5)).toEqual(["often", "once-4", "once-5"]);
        known.clean(NOW + 5);
        expect(seen(known, NOW - 1, NOW)).toEqual(["once-0"]);
        expect(seen(known, NOW + 5, NOW + 9)).toEqual([]);
      }
    }));

  it("say since when nobody was looked at", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      expect(records.oldestSeenAfter(0)).toBeUndefined();
      for (const last_seen of [NOW, NOW + 10]) {
        records.set(aRecord(`at-${last_seen}`, { last_seen }));
        records.save();
      }
      expect([0, NOW, NOW + 5, NOW + 10].map((after) => records.oldestSeenAfter(after))).toEqual([
        NOW,
        NOW + 10,
        NOW + 10,
        undefined,
      ]);
    }));
});

describe("memory", () => {
  it("keeps 20,000 saved records, and those that were used last", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      const all = Array.from({ length: 20_100 }, (_, i) => aRecord(`v${i}`));
      for (const record of all) records.set(record);
      records.set(all[0]!);
      records.save();
      // What is in memory is the very object that was set; what is read again only equals it.
      const inMemory = (i: number) => records.get(`v${i}`) === all[i];
      expect([0, 101, 20_099].map(inMemory)).toEqual([true, true, true]);
      expect([1, 50, 100].map(inMemory)).toEqual([false, false, false]);
      expect(records.get("v1")).toEqual(all[1]);
    }));

  it("keeps every record that is not saved yet, however many", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      for (let i = 0; i < 25_000; i++) records.set(aRecord(`v${i}`));
      expect(records.get("v0")).toBeDefined();
      records.save();
      expect(new VisitorRecords(sql).size).toBe(25_000);
    }));
});

describe("cleaning", () => {
  it("keeps every live record, whatever was written over, and holds garbage down", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      const expected = new Map<string, VisitorRecord>();
      let seed = 3;
      const random = (below: number) => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        return (seed >>> 8) % below;
      };
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 400; i++) {
          const record = aRecord(`v${random(2_000)}`, { last_number: round, last_seen: NOW + round });
          records.set(record);
          expected.set(record.anonymous_id, record);
        }
        records.save();
        records.clean(NOW + round);
      }
      for (const known of [records, new VisitorRecords(sql)]) {
        expect(known.size).toBe(expected.size);
        expect(
          [...expected.keys()].filter((id) => known.get(id)?.last_number !== expected.get(id)!.last_number),
        ).toEqual([]);
      }
      // 24,000 were written.
      expect(blobs(sql).records).toBeLessThan(expected.size * 3);
    }));

  it("puts what is left of several blobs together into one", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      for (let i = 0; i < 8; i++) {
        for (const id of ["a", "b", "c"]) records.set(aRecord(`${id}-${i}`));
        records.save();
      }
      for (let i = 0; i < 8; i++) for (const id of ["a", "b"]) records.set(aRecord(`${id}-${i}`));
      records.save();
      expect(blobs(sql)).toMatchObject({ n: 9, records: 40 });
      expect(records.clean(NOW)).toBe(9);
      expect(blobs(sql)).toMatchObject({ n: 2, records: 24 });
    }));

  it("writes nothing where there is nothing to clean", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      expect(records.clean(NOW)).toBe(0);
      records.set(aRecord("a1"));
      records.save();
      for (let i = 0; i < 3; i++) expect(records.clean(NOW + 399 * DAY)).toBe(0);
    }));

  it("forgets visitors not seen for 400 days, also where nothing else changed, and leaves nothing of them in storage", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      for (let i = 0; i < 20; i++) {
        records.set(aRecord(`once-${i}`));
        records.set(aRecord(`faithful-${i}`, { last_seen: NOW + DAY }));
        records.save();
      }
      for (let i = 0; i < 5; i++) records.clean(NOW + FORGET_AFTER_MS);
      expect(records.get("once-0")).toBeUndefined();
      expect(records.get("faithful-0")).toBeDefined();
      expect(stored(sql)).not.toContain("once-");
      const again = new VisitorRecords(sql);
      expect(again.size).toBe(20);
      expect(again.get("faithful-19")).toBeDefined();
    }));

  it("meets a forgotten visitor who comes back as a new one, and keeps who changed meanwhile", () =>
    withStorage((sql) => {
      const records = new VisitorRecords(sql);
      for (const id of ["gone", "back"]) records.set(aRecord(id));
      records.save();
      const later = NOW + FORGET_AFTER_MS + DAY;
      records.set(aRecord("back", { last_seen: later, last_number: 2 }));
      records.clean(later);
      expect(records.get("gone")).toBeUndefined();
      expect(records.get("back")!.last_number).toBe(2);
      records.set(aRecord("gone", { first_seen: later, last_seen: later }));
      records.save();
      for (const known of [records, new VisitorRecords(sql)]) {
        expect(known.get("gone")!.first_seen).toBe(later);
        expect(known.get("back")!.last_number).toBe(2);
      }
    }));
});
