import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aBatch, TestMessage } from "../test/a-delivery.ts";
import { bury, buryQueueDeadLetters, type DeadLetter, ownerOf } from "./dead-letters.ts";
import delivery from "./delivery/index.ts";

beforeEach(() => env.DB.exec("DELETE FROM dead_letters"));
afterEach(() => vi.restoreAllMocks());

const aLetter = (given: Partial<DeadLetter> = {}): DeadLetter => ({
  environment_id: "env_dead",
  stage: "delivery",
  integration_id: "int_1",
  message_id: "m1",
  event: "Order Completed",
  reason: "rejected",
  detail: "no currency",
  attempts: 3,
  payload: { value: 1 },
  ...given,
});

const rows = async () =>
  (await env.DB.prepare("SELECT * FROM dead_letters ORDER BY message_id").all<Record<string, string>>()).results;
const stored = async (key: string) => (await env.LAKE.get(key))!.json();

describe("burying", () => {
  it("keeps every letter of a message in one object, and a row for each", async () => {
    await bury(env, "q1", [aLetter(), aLetter({ message_id: "m2", payload: [2] })]);
    const [first, second] = await rows();
    expect(first).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      environment_id: "env_dead",
      stage: "delivery",
      integration_id: "int_1",
      message_id: "m1",
      event: "Order Completed",
      reason: "rejected",
      detail: "no currency",
      attempts: 3,
      r2_key: expect.stringMatching(/^dead\/env=env_dead\/delivery\/[0-9a-f]{32}\.json$/),
      dead_at: expect.stringMatching(/^20.*Z$/),
      source_id: null,
      retried_at: null,
      edited_at: null,
    });
    expect(second!.r2_key).toBe(first!.r2_key);
    expect(await stored(first!.r2_key!)).toEqual({
      dead_at: first!.dead_at,
      origin: "q1",
      letters: [
        { id: first!.id, ...aLetter() },
        { id: second!.id, ...aLetter({ message_id: "m2", payload: [2] }) },
      ],
    });
  });

  it("the same message twice makes one object and one set of rows; another message makes its own", async () => {
    await env.LAKE.delete((await env.LAKE.list({ prefix: "dead/" })).objects.map((object) => object.key));
    const letters = [aLetter(), aLetter({ message_id: "m2" })];
    await bury(env, "q1", letters);
    const before = await rows();
    await bury(env, "q1", letters);
    const withoutTime = (all: Record<string, string>[]) => all.map(({ dead_at: _, ...row }) => row);
    expect(withoutTime(await rows())).toEqual(withoutTime(before));
    await bury(env, "q2", letters);
    expect(await rows()).toHaveLength(4);
    expect((await env.LAKE.list({ prefix: "dead/" })).objects).toHaveLength(2);
  });

  it("tells letters without an id apart, and leaves empty what is not known", async () => {
    const { integration_id: _, message_id: __, event: ___, ...unknown } = aLetter();
    await bury(env, "q1", [unknown, unknown]);
    expect(await rows()).toMatchObject([
      { integration_id: null, message_id: null, event: null },
      { integration_id: null, message_id: null, event: null },
    ]);
  });

  it("keeps a long detail whole in the object, and its beginning in the row", async () => {
    await bury(env, "q1", [aLetter({ detail: "x".repeat(5_000) })]);
    const [row] = await rows();
    expect(row!.detail).toHaveLength(1_000);
    expect(await stored(row!.r2_key!)).toMatchObject({ letters: [{ detail: "x".repeat(5_000) }] });
  });

  it("takes a full message of forty letters in one statement", async () => {
    const payload = "x".repeat(1_500);
    const letters = Array.from({ length: 40 }, (_, i) => aLetter({ message_id: `m${i}`, detail: payload, payload }));
    await bury(env, "q1", letters);
    expect(await rows()).toHaveLength(40);
  });

  it("nothing writes nothing", async () => {
    const LAKE = { put: vi.fn() } as unknown as R2Bucket;
    await bury({ ...env, LAKE }, "q1", []);
    expect(LAKE.put).not.toHaveBeenCalled();
  });

  it("indexes nothing that is not stored", async () => {
    const LAKE = { put: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket;
    await expect(bury({ ...env, LAKE }, "q1", [aLetter()])).rejects.toThrow("R2 is down");
    expect(await rows()).toEqual([]);
  });
});

describe("what the queue itself gave up", () => {
  const body = { v: 1, environment_id: "env_dead", integration_id: "int_1", items: [] };

  it.each<[string, unknown, string, string | null]>([
    ["as it is queued, JSON text", JSON.stringify(body), "env_dead", "int_1"],
    ["as an object", body, "env_dead", "int_1"],
    ["of the processor, without an integration", JSON.stringify({ environment_id: "env_dead" }), "env_dead", null],
    ["that nobody can read", "hello {", "unknown", null],
    ["null", null, "unknown", null],
    ["with numbers for ids", { environment_id: 7, integration_id: 7 }, "unknown", null],
  ])("is kept %s, under whom it belongs to", async (_, payload, environment_id, integration_id) => {
    const message = new TestMessage(payload);
    await buryQueueDeadLetters(aBatch([message], "dead-letters"), env);
    expect(message.fate).toBe("acked");
    const [row] = await rows();
    expect(row).toMatchObject({ environment_id, integration_id, stage: "queue", reason: "queue_gave_up" });
    expect(await stored(row!.r2_key!)).toMatchObject({ letters: [{ payload }] });
    expect(ownerOf(payload).environment_id).toBe(environment_id);
  });

  it("stays in the queue while it cannot be buried, and does not hold up the next", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const put = vi.spyOn(env.LAKE, "put").mockRejectedValueOnce(new Error("R2 is down"));
    const messages = [new TestMessage(body), new TestMessage(body)];
    await buryQueueDeadLetters(aBatch(messages, "dead-letters"), env);
    expect(messages.map((m) => m.fate)).toEqual([{ retried_after_s: 60 }, "acked"]);
    expect(put).toHaveBeenCalledTimes(2);
    expect(errors).toHaveBeenCalledOnce();
  });

  it("comes to delivery in a queue of its own, whose messages go to no vendor", async () => {
    const fetch = vi.spyOn(globalThis, "fetch");
    const message = new TestMessage(body);
    await delivery.queue(aBatch([message], "dead-letters"), env);
    expect(message.fate).toBe("acked");
    expect(fetch).not.toHaveBeenCalled();
    expect(await rows()).toMatchObject([{ reason: "queue_gave_up" }]);
  });
});
