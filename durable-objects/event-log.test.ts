import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { hash64 } from "../core/hash.ts";
import { EventLog, type Kept } from "./event-log.ts";
import type { StoredFacts } from "./visitor-facts.ts";

let shards = 0;
const withStorage = (test: (sql: SqlStorage) => void) =>
  runInDurableObject(env.VISITOR_SHARD.getByName(`env_log/s${shards++}`), (_, state) => test(state.storage.sql));

function factsFor(id: string, tag = 1): StoredFacts {
  const { high, low } = hash64(id);
  return [high, low, tag, "a1", 0, 1, 0, true, {}, null, null, id];
}
const NO_COUNTS = { duplicates: 0, redelivered: 0 };
function write(log: EventLog, now: number, ...ids: string[]) {
  for (const id of ids) log.add(factsFor(id));
  log.write(now, ids, [...ids.keys()], ids.length, NO_COUNTS);
}
const kept = (id: string): Kept => ({ facts: factsFor(id, 9).slice(0, 11) as unknown as StoredFacts, id });

it("numbers on where events of another shard came in between, and finds all of them before and after the lake", () =>
  withStorage((sql) => {
    const now = Date.now();
    const log = new EventLog(sql, 1);
    write(log, now, "w1", "w2");
    expect(log.take(now, [kept("k1"), kept("k2"), kept("w1")])).toMatchObject({ taken: 2 });
    // The same page once more.
    expect(log.take(now, [kept("k1"), kept("k2")])).toMatchObject({ taken: 0 });
    write(log, now, "w3");
    const numbers = (of: EventLog) => ["w1", "w2", "k1", "k2", "w3", "stranger"].map((id) => of.find(id)?.number);
    expect(numbers(log)).toEqual([1, 2, 3, 4, 5, undefined]);
    // A file holds numbers without a gap: a row's place in it tells its number.
    expect(log.nextRange()).toEqual({ first: 1, end: 3 });
    log.moveToHistory({ first: 1, end: 3 });
    expect(log.nextRange()).toEqual({ first: 5, end: 6 });
    expect(numbers(new EventLog(sql, 3))).toEqual([1, 2, 3, 4, 5, undefined]);
    log.moveToHistory({ first: 5, end: 6 });
    const again = new EventLog(sql, 6);
    expect(numbers(again)).toEqual([1, 2, 3, 4, 5, undefined]);
    expect(again.next).toBe(6);
    expect(again.find("k2")?.tag).toBe(9);
    expect([...again.historyFrom(3)].flatMap((row) => row.kept.map(({ id }) => id))).toEqual(["k1", "k2", "w3"]);
  }));

it("tells of history only what nothing that waits comes before", () =>
  withStorage((sql) => {
    const now = Date.now();
    const log = new EventLog(sql, 1);
    write(log, now, "w1");
    log.take(now, [kept("k1")]);
    expect([...log.historyFrom(0)]).toEqual([]);
    log.moveToHistory({ first: 1, end: 2 });
    expect([...log.historyFrom(0)].flatMap((row) => row.kept.map(({ id }) => id))).toEqual(["w1", "k1"]);
  }));

it("ends a file where the day ends", () =>
  withStorage((sql) => {
    const log = new EventLog(sql, 1);
    const midnight = Math.ceil(Date.now() / 86_400_000) * 86_400_000;
    write(log, midnight - 1, "d1");
    write(log, midnight, "d2");
    expect(log.nextRange()).toEqual({ first: 1, end: 2 });
  }));

it(
  "knows a million ids in 17 bytes of memory each, and says no to what it does not know",
  () =>
    withStorage((sql) => {
      const now = Date.now();
      const row = 1_000;
      for (let first = 1; first <= 1_000_000; first += row) {
        const keys = new Uint32Array(row * 3);
        const ids: string[] = [];
        for (let i = 0; i < row; i++) {
          const id = `id-${first + i}`;
          const { high, low } = hash64(id);
          keys.set([high, low, 1], i * 3);
          ids.push(id);
        }
        const insert = "INSERT INTO history (first, count, received_at, keys, ids, facts) VALUES (?, ?, ?, ?, ?, '[]')";
        sql.exec(insert, first, row, now, keys.buffer, JSON.stringify(ids));
      }
      const log = new EventLog(sql, 1_000_001);
      const { ids, bytes } = log.ids;
      expect(ids).toBe(1_000_000);
      expect(bytes / ids).toBeLessThan(17);
      for (let n = 1; n <= 1_000_000; n += 9_973) {
        expect(log.find(`id-${n}`)?.number).toBe(n);
        expect(log.find(`ID-${n}`)).toBeUndefined();
      }
    }),
  60_000,
);
