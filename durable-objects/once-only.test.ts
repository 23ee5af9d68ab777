import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { onceOnly } from "./once-only.ts";

const MINUTE = 60_000;
const HALF_HOUR = 30 * MINUTE;
/** The beginning of a half hour that has yet to come, so that no alarm fires by itself. */
const start = (Math.floor(Date.now() / HALF_HOUR) + 2) * HALF_HOUR;
let now: number;

beforeEach(() => {
  now = start;
  vi.spyOn(Date, "now").mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

let objects = 0;
const newObject = () => env.ONCE_ONLY.getByName(`env_once_${++objects}/0`);
type Memory = ReturnType<typeof newObject>;

const remembered = (memory: Memory) =>
  runInDurableObject(memory, (_, { storage }) =>
    storage.sql
      .exec<{ id: string }>("SELECT id FROM used ORDER BY id")
      .toArray()
      .map(({ id }) => id),
  );
const alarmOf = (memory: Memory) => runInDurableObject(memory, (_, { storage }) => storage.getAlarm());

describe("a claim", () => {
  it("is true once, and false ever after", async () => {
    const memory = newObject();
    expect(await memory.claim("signature", now + 5 * MINUTE)).toBe(true);
    expect(await memory.claim("signature", now + 5 * MINUTE)).toBe(false);
    now += 5 * MINUTE;
    expect(await memory.claim("signature", start + 5 * MINUTE)).toBe(false);
    expect(await memory.claim("another", now + 5 * MINUTE)).toBe(true);
  });

  it("is true for one of many that come at once", async () => {
    const memory = newObject();
    const claims = await Promise.all(Array.from({ length: 50 }, () => memory.claim("token", now + MINUTE)));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it("is remembered when the object was thrown out of memory", async () => {
    const memory = newObject();
    await memory.claim("token", now + MINUTE);
    await evictDurableObject(memory);
    expect(await memory.claim("token", now + MINUTE)).toBe(false);
  });

  it("writes one row the first time, and none after", async () => {
    const written = await runInDurableObject(newObject(), async (instance, { storage }) => {
      const exec = vi.spyOn(storage.sql, "exec");
      await instance.claim("token", now + MINUTE);
      await instance.claim("token", now + MINUTE);
      return exec.mock.results.map(({ value }) => value.rowsWritten);
    });
    expect(written).toEqual([1, 0]);
  });

  it("that is taken back can be made again, and only once", async () => {
    const memory = newObject();
    await memory.claim("kept", now + MINUTE);
    await memory.claim("token", now + MINUTE);
    await memory.release("token", now + MINUTE);
    expect(await memory.claim("token", now + MINUTE)).toBe(true);
    expect(await memory.claim("token", now + MINUTE)).toBe(false);
    expect(await memory.claim("kept", now + MINUTE)).toBe(false);
  });
});

describe("the alarm", () => {
  it("forgets what is over, keeps the rest, and comes again for it", async () => {
    const memory = newObject();
    await memory.claim("soon over", now + MINUTE);
    await memory.claim("over with it", now + HALF_HOUR - 1);
    await memory.claim("valid for longer", now + HALF_HOUR);
    now += HALF_HOUR;
    expect(await runDurableObjectAlarm(memory)).toBe(true);
    expect(await remembered(memory)).toEqual(["valid for longer"]);
    expect(await alarmOf(memory)).toBe(start + 2 * HALF_HOUR);
    now += HALF_HOUR;
    await runDurableObjectAlarm(memory);
    expect(await remembered(memory)).toEqual([]);
    expect(await alarmOf(memory)).toBeNull();
  });

  it("that comes too early forgets nothing, and comes again", async () => {
    const memory = newObject();
    await memory.claim("token", now + MINUTE);
    now += HALF_HOUR - 1;
    await runDurableObjectAlarm(memory);
    expect(await memory.claim("token", start + MINUTE)).toBe(false);
    expect(await alarmOf(memory)).toBe(start + HALF_HOUR);
  });

  it.each([
    ["soon and then late", [MINUTE, 48 * HALF_HOUR]],
    ["late and then soon", [48 * HALF_HOUR, MINUTE]],
  ])("comes for what is over first: %s", async (_, validFor) => {
    const memory = newObject();
    for (const ms of validFor) await memory.claim(`valid for ${ms}`, now + ms);
    expect(await alarmOf(memory)).toBe(start + HALF_HOUR);
  });
});

it("asks the same object about the same id, one of at most sixteen of an environment", async () => {
  const idOf = (id: string, environment = "env_once") => onceOnly(env.ONCE_ONLY, environment, id).id.toString();
  expect(idOf("token")).toBe(idOf("token"));
  expect(idOf("token")).not.toBe(idOf("token", "env_once_other"));
  const objectIds = new Set(Array.from({ length: 500 }, (_, i) => idOf(`token ${i}`)));
  expect(objectIds.size).toBe(16);
});
