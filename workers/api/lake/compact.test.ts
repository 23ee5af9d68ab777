import { env } from "cloudflare:workers";
import { parquetReadObjects } from "hyparquet";
import { expect, it } from "vitest";
import type { Event } from "../../../core/event.ts";
import { CHAIN_START, type ChainEnd, receiptKeyOf } from "../../../core/receipt-chain.ts";
import {
  COMPRESSORS,
  listAll,
  openFile,
  openNamed,
  openObject,
  placesOfDay,
} from "../../../durable-objects/lake-manifest.ts";
import { writeSealed } from "../../../durable-objects/receipts.ts";
import { anEvent } from "../../../test/an-event.ts";
import { compactOnce, tidyDay } from "./compact.ts";
import { eraseOnce } from "./erase.ts";
import type { Day } from "./rewrite.ts";

const DATE = "2026-10-02";
const NOW = Date.parse("2026-10-05");
let days = 0;

/** A day with files of two shards, written as shards write them. */
async function aDay(files = 6, rows = 20): Promise<{ day: Day; ids: string[] }> {
  const day: Day = [`env_compact_${days++}`, DATE];
  const ids: string[] = [];
  const ends = new Map<string, ChainEnd>();
  for (let i = 0; i < files; i++) {
    const shard = `s${i % 2}`;
    const after = ends.get(shard) ?? CHAIN_START;
    const events = Array.from({ length: rows }, (_, n) => event(`${i}-${n}`, n));
    ids.push(...events.map(({ message_id }) => message_id));
    const key = `events/env=${day[0]}/dt=${DATE}/${shard}-${after.receipts + 1}-${after.receipts + rows + 1}.parquet`;
    const lake = events.map((one) => ({ source_id: "src", event: one, receipt: { steps: [] } }));
    ends.set(shard, (await writeSealed(env, [day[0], shard], key, lake, after)).end);
  }
  return { day, ids: ids.sort() };
}
const event = (message_id: string, n: number): Event =>
  anEvent({ message_id, anonymous_id: `person-${n % 5}`, received_at: `${DATE}T10:00:00.000Z` });

/** What a reader of the day finds, by way of the manifest. */
async function idsIn(lake: R2Bucket, day: Day): Promise<string[]> {
  const ids: string[] = [];
  for (const place of await placesOfDay(lake, ...day)) {
    const rows = await (await openFile(lake, place))!.read(["message_id"]);
    ids.push(...rows.map(({ row }) => row.message_id as string));
  }
  return ids.sort();
}

async function compactAll(day: Day, target?: number) {
  for (let n = 0; n < 20; n++) if ((await compactOnce(env.LAKE, day, NOW, target)).outcome === "done") return;
  throw new Error("it goes on for ever");
}

/** A bucket whose operation number `failing` throws, before or after it had its effect. */
function breaking(failing: number, isAfter: boolean): { lake: R2Bucket; operations: () => number } {
  let operation = 0;
  const guarded = (target: object): object =>
    new Proxy(target, {
      get(of, name) {
        const value = Reflect.get(of, name);
        if (typeof value !== "function") return value;
        return async (...given: unknown[]) => {
          const isBroken = operation++ === failing;
          if (isBroken && !isAfter) throw new Error("the bucket broke");
          const answer = await value.apply(of, given);
          if (isBroken) throw new Error("the bucket broke");
          return name === "createMultipartUpload" ? guarded(answer) : answer;
        };
      },
    });
  return { lake: guarded(env.LAKE) as R2Bucket, operations: () => operation };
}

it("makes one object of a day's files, in which each file is found under its own name, and deletes the old ones after the grace", async () => {
  const { day, ids } = await aDay();
  const files = (await placesOfDay(env.LAKE, ...day)).map(({ key }) => key);
  expect(await compactOnce(env.LAKE, day, NOW)).toMatchObject({ outcome: "rewritten", files: 6, rows: 120 });
  expect((await compactOnce(env.LAKE, day, NOW)).outcome).toBe("done");
  expect(await idsIn(env.LAKE, day)).toEqual(ids);
  expect((await placesOfDay(env.LAKE, ...day)).map(({ key }) => key)).toEqual(files);
  expect(await tidyDay(env.LAKE, day, NOW + 1_000)).toBe(0);
  expect(await tidyDay(env.LAKE, day, NOW + 2 * 86_400_000)).toBe(6);
  expect(await listAll(env.LAKE, `events/env=${day[0]}/`)).toHaveLength(1);
  expect(await idsIn(env.LAKE, day)).toEqual(ids);
  const named = await openNamed(env.LAKE, files[3]!);
  expect((await named!.read(["message_id"], 4, 6)).map(({ number }) => number)).toEqual([4, 5]);
});

it("takes up what a shard writes later, and makes as many objects as the target says", async () => {
  const { day, ids } = await aDay();
  await compactAll(day, 1);
  expect(new Set((await placesOfDay(env.LAKE, ...day)).map(({ object }) => object)).size).toBe(6);
  await compactAll(day);
  const late = { source_id: "src", event: event("late", 1), receipt: {} };
  await writeSealed(env, [day[0], "s9"], `events/env=${day[0]}/dt=${DATE}/s9-1-2.parquet`, [late], CHAIN_START);
  expect(await idsIn(env.LAKE, day)).toEqual([...ids, "late"].sort());
  await compactAll(day);
  expect(new Set((await placesOfDay(env.LAKE, ...day)).map(({ object }) => object)).size).toBe(1);
  expect(await idsIn(env.LAKE, day)).toEqual([...ids, "late"].sort());
});

it.each([
  ["before", false],
  ["after", true],
])("shows every event once whichever operation fails, %s its effect, and goes on from there", async (_, isAfter) => {
  for (let failing = 0; ; failing++) {
    const { day, ids } = await aDay(3, 4);
    const { lake, operations } = breaking(failing, isAfter);
    const isBroken = await compactOnce(lake, day, NOW).then(
      () => false,
      () => true,
    );
    expect(await idsIn(env.LAKE, day)).toEqual(ids);
    await compactAll(day);
    expect(await idsIn(env.LAKE, day)).toEqual(ids);
    const tidied = breaking(failing, isAfter);
    await tidyDay(tidied.lake, day, Date.now() + 2 * 86_400_000).catch(() => {});
    expect(await idsIn(env.LAKE, day)).toEqual(ids);
    await tidyDay(env.LAKE, day, Date.now() + 2 * 86_400_000);
    expect(await idsIn(env.LAKE, day)).toEqual(ids);
    expect(await listAll(env.LAKE, `events/env=${day[0]}/`)).toHaveLength(1);
    if (!isBroken) {
      expect(operations()).toBeLessThanOrEqual(failing);
      expect(failing).toBeGreaterThan(8);
      return;
    }
  }
});

it("of two at once lets one be overtaken", async () => {
  const { day, ids } = await aDay();
  const outcomes = await Promise.all([compactOnce(env.LAKE, day, NOW), compactOnce(env.LAKE, day, NOW)]);
  expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(["overtaken", "rewritten"]);
  expect(await idsIn(env.LAKE, day)).toEqual(ids);
});

it("erases a person's rows from every object, keeps the numbers of the others, and the statements stand", async () => {
  const { day, ids } = await aDay();
  await compactAll(day);
  const before = (await placesOfDay(env.LAKE, ...day)).map(({ key }) => key);
  const gone = { anonymous_ids: ["person-2"], user_ids: [] };
  expect(await eraseOnce(env.LAKE, day, NOW, gone)).toMatchObject({ rows_before: 120, rows_after: 96 });
  expect(await eraseOnce(env.LAKE, day, NOW, gone)).toMatchObject({ rows_before: 96, rows_after: 96 });
  expect(await idsIn(env.LAKE, day)).toEqual(ids.filter((id) => Number(id.split("-")[1]) % 5 !== 2));
  for (const { key } of await listAll(env.LAKE, `events/env=${day[0]}/`)) {
    const all = await parquetReadObjects({ ...(await openObject(env.LAKE, key))!, compressors: COMPRESSORS });
    const text = JSON.stringify(all);
    expect(text).toContain("person-1");
    expect(text).not.toContain("person-2");
  }
  const file = await openNamed(env.LAKE, before[0]!);
  expect(file!.rows).toBe(20);
  expect((await file!.read(["message_id"], 1, 4)).map(({ number }) => number)).toEqual([1, 3]);
  expect(await env.LAKE.head(receiptKeyOf(before[0]!))).not.toBeNull();
});
