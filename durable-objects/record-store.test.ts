import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { hash64 } from "../core/hash.ts";
import { type Hash, RecordStore } from "./record-store.ts";

interface Note {
  key: string;
  text: string;
}

let shards = 0;
/** In the tables of a shard that nobody else uses. */
const withTables = (test: (sql: SqlStorage) => void) =>
  runInDurableObject(env.PROFILE_SHARD.getByName(`env_store/p${shards++}`), (_, state) => test(state.storage.sql));
const open = (sql: SqlStorage) => new RecordStore<Note>(sql, hash64);
const textOf = (store: RecordStore<Note>, key: string) => store.get(hash64(key))?.text;
const rowsIn = (sql: SqlStorage) => sql.exec<{ n: number }>("SELECT count(*) AS n FROM records").one().n;

/** A row takes 2 MB; the simulator would take 4. */
const MOST_BYTES = 2_000_000;
const largestIn = (sql: SqlStorage) =>
  sql.exec<{ n: number }>("SELECT max(length(body) + length(keys)) AS n FROM records").one().n;

it("finds the newest version of a record, also when it is opened anew", () =>
  withTables((sql) => {
    const store = open(sql);
    store.append([
      { key: "a", text: "first" },
      { key: "b", text: "only" },
    ]);
    store.append([{ key: "a", text: "second" }]);
    for (const one of [store, open(sql)]) {
      expect([textOf(one, "a"), textOf(one, "b"), textOf(one, "c")]).toEqual(["second", "only", undefined]);
      expect(one.load(["a", "c", "b"]).map(({ text }) => text)).toEqual(["second", "only"]);
      expect(one.size).toBe(2);
    }
  }));

it("writes a row for 64 KB of records, however many they are", () =>
  withTables((sql) => {
    const notes = Array.from({ length: 1_000 }, (_, n) => ({ key: `k${n}`, text: "x".repeat(100) }));
    expect(open(sql).append(notes)).toBe(rowsIn(sql));
    expect(rowsIn(sql)).toBe(2);
  }));

it("keeps a record that is larger than any row may be, and the ones beside it", () =>
  withTables((sql) => {
    // A megabyte and a half of two-byte characters: cut in the middle of one, wherever a row ends.
    const large = `-${"é".repeat(1_600_000)}`;
    const store = open(sql);
    store.append([
      { key: "before", text: "1" },
      { key: "large", text: large },
      { key: "after", text: "2" },
    ]);
    expect(largestIn(sql)).toBeLessThan(MOST_BYTES);
    for (const one of [store, open(sql)]) {
      expect(textOf(one, "large") === large).toBe(true);
      expect(one.load(["before", "large", "after"]).map(({ text }) => text.length)).toEqual([1, 1_600_001, 1]);
    }
  }));

it("leaves nothing of old versions behind, large ones included", () =>
  withTables((sql) => {
    const store = open(sql);
    store.append([
      { key: "a", text: "x".repeat(2_500_000) },
      { key: "b", text: "stays" },
    ]);
    store.append([{ key: "a", text: "small" }]);
    expect(store.isWasteful).toBe(true);
    store.clean();
    expect(store.isWasteful).toBe(false);
    expect(rowsIn(sql)).toBe(2);
    for (const one of [store, open(sql)]) expect([textOf(one, "a"), textOf(one, "b")]).toEqual(["small", "stays"]);
  }));

it("opens again after the last rows it wrote are gone", () =>
  withTables((sql) => {
    const store = open(sql);
    store.append([{ key: "a", text: "x".repeat(2_500_000) }]);
    store.append([{ key: "a", text: "y".repeat(2_500_000) }]);
    store.clean();
    const again = open(sql);
    again.append([{ key: "b", text: "z" }]);
    expect([textOf(open(sql), "a")?.[0], textOf(open(sql), "b")]).toEqual(["y", "z"]);
  }));

it("drops records with their older versions, keeps the others, and gives no blob a number that was used", () =>
  withTables((sql) => {
    const store = open(sql);
    const isOdd = ({ high }: { high: number }) => high % 2 === 1;
    const keys = Array.from({ length: 500 }, (_, n) => `k${n}`);
    for (const text of ["old", "x".repeat(300)]) store.append(keys.map((key) => ({ key, text: `${text} of ${key}` })));
    store.append([{ key: "last", text: "alone" }]);
    const odd = keys.filter((key) => isOdd(hash64(key)));
    const isUnwanted = (hash: Hash) => isOdd(hash) || hash.high === hash64("last").high;
    const dropped: Note[] = [];
    let rounds = 0;
    for (let more = true; more; rounds++) {
      const some = store.drop(isUnwanted, 2);
      dropped.push(...some.dropped);
      more = some.more;
    }
    expect(rounds).toBeGreaterThan(1);
    expect(dropped.map(({ key }) => key).sort()).toEqual([...odd, "last"].sort());
    const { nextBlob } = store;
    const again = new RecordStore<Note>(sql, hash64, nextBlob);
    expect(again.size).toBe(keys.length - odd.length);
    for (const one of [store, again]) {
      for (const key of keys)
        expect(textOf(one, key)).toBe(odd.includes(key) ? undefined : `${"x".repeat(300)} of ${key}`);
    }
    // Whoever has read all blobs so far finds what comes now behind them.
    const last = Math.max(...[...again.behind(0, () => true)].map(({ blob }) => blob));
    expect(nextBlob).toBeGreaterThan(last);
    for (let more = true; more; ) more = again.drop(() => true, 64).more;
    const empty = new RecordStore<Note>(sql, hash64, again.nextBlob);
    empty.append([{ key: "new", text: "new" }]);
    expect([...empty.behind(last, () => true)].flatMap(({ records }) => records)).toEqual([
      { key: "new", text: "new" },
    ]);
  }));
