import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { DailySalt } from "./daily-salts.ts";

const DAY = 86_400_000;
const HOUR = DAY / 24;
/** A day that has yet to come, so that no alarm fires by itself. */
const today = Math.floor(Date.now() / DAY) + 2;
let now: number;

beforeEach(() => {
  now = today * DAY + 10 * HOUR;
  vi.spyOn(Date, "now").mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

let objects = 0;
const newObject = () => env.DAILY_SALTS.getByName(`env_salts_${++objects}`);
type Salts = ReturnType<typeof newObject>;

const hex = ({ day, salt }: DailySalt) => [day, Buffer.from(salt).toString("hex")] as const;
const saltsOf = async (object: Salts, at = now) => new Map((await object.salts(at)).map(hex));
const storedDays = (object: Salts) =>
  runInDurableObject(object, (_, { storage }) =>
    storage.sql
      .exec<{ day: number }>("SELECT day FROM salts ORDER BY day")
      .toArray()
      .map(({ day }) => day),
  );
const alarmOf = (object: Salts) => runInDurableObject(object, (_, { storage }) => storage.getAlarm());

it("has 32 random bytes for today and others for yesterday, today's first", async () => {
  const [first, second, ...more] = (await newObject().salts(now)).map(hex);
  expect(more).toEqual([]);
  expect([first![0], second![0]]).toEqual([today, today - 1]);
  expect(first![1]).toMatch(/^[0-9a-f]{64}$/);
  expect(second![1]).not.toBe(first![1]);
  expect([...(await saltsOf(newObject())).values()]).not.toContain(first![1]);
});

it("gives all who ask within a day the same, at once, later, and after it was thrown out of memory", async () => {
  const object = newObject();
  const [first, ...others] = await Promise.all(Array.from({ length: 20 }, () => saltsOf(object)));
  for (const other of others) expect(other).toEqual(first);
  now = (today + 1) * DAY - 1;
  expect(await saltsOf(object)).toEqual(first);
  await evictDurableObject(object);
  expect(await saltsOf(object)).toEqual(first);
});

it("keeps today's salt as yesterday's when the day is over", async () => {
  const object = newObject();
  const before = await saltsOf(object);
  now += DAY;
  const after = await saltsOf(object);
  expect([...after.keys()]).toEqual([today + 1, today]);
  expect(after.get(today)).toBe(before.get(today));
  expect([...before.values()]).not.toContain(after.get(today + 1));
});

it("destroys each salt 48 hours after its day began, by the alarm alone, and then rests", async () => {
  const object = newObject();
  await object.salts(now);
  expect(await alarmOf(object)).toBe((today + 1) * DAY);
  now = (today + 1) * DAY;
  expect(await runDurableObjectAlarm(object)).toBe(true);
  expect(await storedDays(object)).toEqual([today]);
  expect(await alarmOf(object)).toBe((today + 2) * DAY);
  now = (today + 2) * DAY;
  await runDurableObjectAlarm(object);
  expect(await storedDays(object)).toEqual([]);
  expect(await alarmOf(object)).toBeNull();
});

it("keeps a salt until the last millisecond of its 48 hours", async () => {
  const object = newObject();
  const before = await saltsOf(object);
  now = (today + 2) * DAY - 1;
  await runDurableObjectAlarm(object);
  expect(await storedDays(object)).toEqual([today]);
  expect((await saltsOf(object)).get(today)).toBe(before.get(today));
});

it("destroys what is over when it is asked, should the alarm have failed to come", async () => {
  const object = newObject();
  await object.salts(now);
  await runInDurableObject(object, (_, { storage }) => storage.deleteAlarm());
  now += 5 * DAY;
  await object.salts(now);
  expect(await storedDays(object)).toEqual([today + 4, today + 5]);
  expect(await alarmOf(object)).toBe((today + 6) * DAY);
});

it("is not hurried by a caller whose clock is ahead", async () => {
  const object = newObject();
  now = (today + 1) * DAY - 50;
  const before = await saltsOf(object);
  const ahead = await saltsOf(object, now + 100);
  expect([...ahead.keys()]).toEqual([today + 1, today]);
  expect(ahead.get(today)).toBe(before.get(today));
  expect(await saltsOf(object)).toEqual(before);
});

it("gives a caller whose clock is behind the days that it means", async () => {
  const object = newObject();
  const before = await saltsOf(object);
  now = (today + 1) * DAY + 50;
  await object.salts(now);
  const behind = await saltsOf(object, now - 100);
  expect([...behind.keys()]).toEqual([today, today - 1]);
  expect(behind.get(today)).toBe(before.get(today));
});
