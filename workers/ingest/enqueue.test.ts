import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MESSAGE_BYTES, rawMessage } from "../../core/queue-messages.ts";
import { aDoor, type Door, publish } from "../../test/a-door.ts";
import worker from "../index.ts";
import { drainSpill, messages } from "./enqueue.ts";

const DOOR = {
  v: 1,
  environment_id: "env_test",
  source_id: "src_test",
  received_at: "2026-11-20T10:00:00.000Z",
  request: { ip: "192.0.2.1", user_agent: "Mozilla/5.0 żółw" },
  vendor_ids: { fbp: "fb.1.1.1" },
} as const;

const accepted = (event: object) => {
  const json = JSON.stringify(event);
  return { json, bytes: Buffer.byteLength(json, "utf8") };
};
const events = (n: number, padding = "") =>
  Array.from({ length: n }, (_, i) => accepted({ message_id: `m${i}`, padding }));

describe("the queue messages of a request", () => {
  it("are one, with what the door saw of the request", () => {
    const bodies = messages(events(3), DOOR);
    expect(bodies).toHaveLength(1);
    expect(JSON.parse(bodies[0]!)).toEqual({
      ...DOOR,
      events: [
        { message_id: "m0", padding: "" },
        { message_id: "m1", padding: "" },
        { message_id: "m2", padding: "" },
      ],
    });
  });

  it.each([
    ["many small events", 2_500, "x".repeat(100)],
    ["events of the largest size", 15, "x".repeat(32_700)],
    ["events that just fit two by two", 8, "x".repeat(30_480)],
    ["letters of several bytes", 200, "żółw 🦆".repeat(100)],
    ["one event", 1, "x".repeat(32_700)],
  ])("are of at most 60 KB each, in order, with nothing lost: %s", (_, n, padding) => {
    const bodies = messages(events(n, padding), DOOR);
    for (const body of bodies) {
      expect(Buffer.byteLength(body, "utf8")).toBeLessThanOrEqual(MESSAGE_BYTES);
      expect(rawMessage.safeParse(JSON.parse(body)).success).toBe(true);
    }
    const ids = bodies.flatMap((body) => JSON.parse(body).events.map((e: { message_id: string }) => e.message_id));
    expect(ids).toEqual(Array.from({ length: n }, (_, i) => `m${i}`));
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
    expect(bodies.length).toBeLessThanOrEqual(Math.ceil(bytes / (MESSAGE_BYTES / 2)) + 1);
  });
});

const batch = { batch: [{ type: "track", event: "Signed Up", anonymous_id: "a1", message_id: "m1" }] };
const spilled = async () => (await env.LAKE.list({ prefix: "spill/" })).objects.map(({ key }) => key);
const queue = (send: (text: string, options?: unknown) => Promise<unknown>) =>
  ({ send: vi.fn(send) }) as unknown as Queue;
const failing = () => queue(() => Promise.reject(new Error("Queue is overloaded. Please back off.")));

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const key of await spilled()) await env.LAKE.delete(key);
});

describe("a request", () => {
  it("is queued as text, and answered after the queue took it", async () => {
    let take = () => {};
    const slow = queue(() => new Promise<void>((done) => (take = done)));
    const door = await aDoor({}, { RAW_EVENTS: slow });
    let answered = false;
    const response = door.post("/v1/batch", batch).finally(() => (answered = true));
    await vi.waitFor(() =>
      expect(slow.send).toHaveBeenCalledExactlyOnceWith(expect.any(String), { contentType: "text" }),
    );
    await new Promise((wait) => setTimeout(wait, 20));
    expect(answered).toBe(false);
    take();
    expect((await response).status).toBe(200);
    expect(await spilled()).toEqual([]);
  });

  it("of 200 KB is queued whole, in parts", async () => {
    const door = await aDoor();
    const large = Array.from({ length: 10 }, (_, i) => ({
      ...batch.batch[0],
      message_id: `m${i}`,
      properties: { text: "x".repeat(20_000) },
    }));
    const response = await door.post("/v1/batch", { batch: large });
    expect(await response.json()).toMatchObject({ accepted: 10 });
    expect(door.texts.length).toBeGreaterThan(3);
    expect(door.events().map((e) => e.message_id)).toEqual(large.map((e) => e.message_id));
  });

  it("is tried a second time when the queue fails once", async () => {
    const texts: string[] = [];
    const flaky = queue((text) => (texts.push(text) === 1 ? Promise.reject(new Error("once")) : Promise.resolve()));
    const door = await aDoor({}, { RAW_EVENTS: flaky });
    expect((await door.post("/v1/batch", batch)).status).toBe(200);
    expect(texts).toHaveLength(2);
    expect(texts[1]).toBe(texts[0]);
    expect(await spilled()).toEqual([]);
  });

  it.each<[string, () => Queue]>([
    ["fails", failing],
    [
      "throws at once",
      () =>
        queue(() => {
          throw new TypeError("no queue");
        }),
    ],
  ])("is spilled to R2 and answered 200 when the queue %s", async (_, broken) => {
    const door = await aDoor({}, { RAW_EVENTS: broken() });
    const response = await door.post("/v1/batch", batch);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ success: true, accepted: 1, rejected: [] });
    const [key, ...others] = await spilled();
    expect(others).toEqual([]);
    expect(key).toMatch(/^spill\/\d{4}-\d\d-\d\dT\d\d:\d\d\/[0-9a-f-]{36}\.json$/);
    const message = rawMessage.parse(await (await env.LAKE.get(key!))!.json());
    expect(message.events).toEqual([expect.objectContaining({ message_id: "m1" })]);
  });

  it("is spilled after 4 seconds when the queue hangs, and hangs no longer itself", async () => {
    vi.useFakeTimers();
    const hanging = queue(() => new Promise(() => {}));
    const door = await aDoor({}, { RAW_EVENTS: hanging });
    let status = 0;
    const response = door.post("/v1/batch", batch).then((answer) => (status = answer.status));
    await vi.waitFor(() => expect(hanging.send).toHaveBeenCalledTimes(1));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(hanging.send).toHaveBeenCalledTimes(2);
    expect(status).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    await response;
    expect(status).toBe(200);
    expect(await spilled()).toHaveLength(1);
  });

  it("is answered 503 with Retry-After, and never 200, when R2 fails as well", async () => {
    const broken = { put: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket;
    const door = await aDoor({}, { RAW_EVENTS: failing(), LAKE: broken });
    const response = await door.post("/v1/batch", batch, { origin: "https://www.shop.example" });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(response.headers.get("access-control-expose-headers")).toContain("retry-after");
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await response.json()).toMatchObject({ error: { code: "overloaded" } });
  });

  it("is answered 503 when only one of its parts could be stored nowhere", async () => {
    let calls = 0;
    const half = queue(() => (calls++ % 4 === 0 ? Promise.resolve() : Promise.reject(new Error("full"))));
    const broken = { put: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket;
    const door = await aDoor({}, { RAW_EVENTS: half, LAKE: broken });
    const large = Array.from({ length: 4 }, (_, i) => ({
      ...batch.batch[0],
      message_id: `part-${i}`,
      properties: { text: "x".repeat(30_000) },
    }));
    expect((await door.post("/v1/batch", { batch: large })).status).toBe(503);
  });
});

describe("what was spilled", () => {
  let door: Door;
  const spill = async (n: number) => {
    door = await aDoor({}, { RAW_EVENTS: failing() });
    for (let i = 0; i < n; i++) {
      vi.setSystemTime(Date.UTC(2026, 10, 20, 10, i));
      await door.post("/v1/track", { ...batch.batch[0], message_id: `m${i}` });
    }
    vi.useRealTimers();
  };
  const sentBy = (sender: Queue) =>
    vi.mocked(sender.send).mock.calls.map(([text]) => JSON.parse(text as string).events[0].message_id);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });

  it("goes to the queue as it was, oldest first, and is then deleted", async () => {
    await spill(4);
    const originals = await Promise.all((await spilled()).map(async (key) => (await env.LAKE.get(key))!.text()));
    const mended = queue(async () => {});
    expect(await drainSpill({ LAKE: env.LAKE, RAW_EVENTS: mended })).toBe(4);
    expect(sentBy(mended)).toEqual(["m0", "m1", "m2", "m3"]);
    expect(vi.mocked(mended.send).mock.calls).toEqual(originals.map((text) => [text, { contentType: "text" }]));
    expect(await spilled()).toEqual([]);
  });

  it("stays where it cannot be sent, and holds up nothing behind it", async () => {
    await spill(4);
    const picky = queue((text) =>
      text.includes('"m1"') ? Promise.reject(new Error("not this one")) : Promise.resolve(),
    );
    expect(await drainSpill({ LAKE: env.LAKE, RAW_EVENTS: picky })).toBe(3);
    expect(sentBy(picky)).toEqual(["m0", "m1", "m1", "m2", "m3"]);
    const [left, ...others] = await spilled();
    expect(others).toEqual([]);
    expect(await (await env.LAKE.get(left!))!.json()).toMatchObject({ events: [{ message_id: "m1" }] });
  });

  it("waits for the next minute when the queue is still down", async () => {
    await spill(5);
    const down = failing();
    expect(await drainSpill({ LAKE: env.LAKE, RAW_EVENTS: down })).toBe(0);
    // Two tries each, for three of them.
    expect(down.send).toHaveBeenCalledTimes(6);
    expect(await spilled()).toHaveLength(5);
  });

  it("is taken in portions", async () => {
    await spill(3);
    const mended = queue(async () => {});
    expect(await drainSpill({ LAKE: env.LAKE, RAW_EVENTS: mended }, 2)).toBe(2);
    expect(await drainSpill({ LAKE: env.LAKE, RAW_EVENTS: mended }, 2)).toBe(1);
    expect(await drainSpill({ LAKE: env.LAKE, RAW_EVENTS: mended }, 2)).toBe(0);
  });

  it("is sent by cron", async () => {
    await spill(2);
    await publish();
    const mended = queue(async () => {});
    const waited: Promise<unknown>[] = [];
    const ctx = { waitUntil: (promise: Promise<unknown>) => waited.push(promise) } as unknown as ExecutionContext;
    worker.scheduled({} as ScheduledController, { ...env, RAW_EVENTS: mended }, ctx);
    await Promise.all(waited);
    expect(sentBy(mended)).toEqual(["m0", "m1"]);
    expect(await spilled()).toEqual([]);
  });
});
