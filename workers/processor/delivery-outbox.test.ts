import { describe, expect, it, vi } from "vitest";
import { laneOf } from "../../core/lane.ts";
import { DELIVERY_ITEMS, type DeliveryMessage, deliveryMessage, MESSAGE_BYTES } from "../../core/queue-messages.ts";
import { anIntegration } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { type DeliveryQueues, LANE_BINDINGS } from "../env.ts";
import { DeliveryOutbox } from "./delivery-outbox.ts";

type Batch = { body: string; contentType: string }[];

/** Four lanes that keep each `sendBatch`. `broken` lanes refuse. */
function lanes(...broken: number[]) {
  const batches: Batch[][] = LANE_BINDINGS.map(() => []);
  const queues = LANE_BINDINGS.map((_, lane) => ({
    sendBatch: vi.fn(async (messages: Iterable<Batch[number]>) => {
      if (broken.includes(lane)) throw new Error(`lane ${lane} is full`);
      batches[lane]!.push([...messages]);
    }),
  }));
  const env = Object.fromEntries(LANE_BINDINGS.map((name, lane) => [name, queues[lane]])) as unknown as DeliveryQueues;
  const messages = (): DeliveryMessage[] => batches.flat(2).map(({ body }) => deliveryMessage.parse(JSON.parse(body)));
  return { env, batches, messages };
}

const integration = anIntegration({ destination: "webhook", lane: 2 });
const payload = (bytes: number) => JSON.stringify("x".repeat(bytes - 2));
const ids = (messages: DeliveryMessage[]) => messages.flatMap((m) => m.items.map((item) => item.message_id));

it("makes a message that delivery can read", async () => {
  const outbox = new DeliveryOutbox();
  const event = anEvent({ message_id: "m1", context: { purposes: ["functional", "analytics"] } });
  outbox.add("sender", "env_test", integration, event, '{"any":"shape"}');
  outbox.add("sender", "env_test", integration, anEvent({ message_id: "m2" }), "[1]");
  const { env, batches, messages } = lanes();
  await outbox.send(env, () => {});
  expect(messages()).toEqual([
    {
      v: 1,
      environment_id: "env_test",
      integration_id: "int_webhook",
      attempt: 1,
      first_queued_at: expect.stringMatching(/^\d{4}-/),
      items: [
        {
          message_id: "m1",
          event: "Button Clicked",
          anonymous_id: "a1",
          received_at: "2026-11-20T10:00:01.000Z",
          purposes: ["functional", "analytics"],
          payload: { any: "shape" },
        },
        {
          message_id: "m2",
          event: "Button Clicked",
          anonymous_id: "a1",
          received_at: "2026-11-20T10:00:01.000Z",
          purposes: [],
          payload: [1],
        },
      ],
    },
  ]);
  expect(batches.map((lane) => lane.length)).toEqual([0, 0, 1, 0]);
  expect(batches[2]![0]![0]!.contentType).toBe("text");
});

describe("a message", () => {
  it.each([
    ["40 events", DELIVERY_ITEMS * 2 + 1, 100, 3],
    ["60 KB", 10, 20_000, 4],
    ["one event, of the largest size", 3, MESSAGE_BYTES - 2_048, 3],
  ])("holds at most %s, and the next one holds the rest", async (_, events, bytes, expected) => {
    const outbox = new DeliveryOutbox();
    const all = Array.from({ length: events }, (_, i) => anEvent({ message_id: `m${i}` }));
    for (const event of all) outbox.add("sender", "env_test", integration, event, payload(bytes));
    const { env, batches, messages } = lanes();
    await outbox.send(env, () => {});
    expect(messages()).toHaveLength(expected);
    expect(ids(messages())).toEqual(all.map((e) => e.message_id));
    for (const { body } of batches.flat(2)) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MESSAGE_BYTES);
    for (const { items } of messages()) expect(items.length).toBeLessThanOrEqual(DELIVERY_ITEMS);
  });

  it("is measured in bytes, not letters", async () => {
    const outbox = new DeliveryOutbox();
    for (let i = 0; i < 10; i++)
      outbox.add("s", "env_test", integration, anEvent(), JSON.stringify("ż".repeat(14_000)));
    const { env, batches } = lanes();
    await outbox.send(env, () => {});
    for (const { body } of batches.flat(2)) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MESSAGE_BYTES);
    expect(batches.flat(2)).toHaveLength(5);
  });

  it("is over 60 KB only by names of the greatest length around a payload of the greatest length", async () => {
    const outbox = new DeliveryOutbox();
    const longest = "\u0001".repeat(256);
    const event = anEvent({ message_id: longest, anonymous_id: longest, event: longest });
    outbox.add("sender", "env_test", integration, event, payload(MESSAGE_BYTES - 2_048));
    const { env, batches } = lanes();
    await outbox.send(env, () => {});
    expect(Buffer.byteLength(batches.flat(2)[0]!.body)).toBeLessThan(MESSAGE_BYTES + 4_096);
  });

  it("is of one integration", async () => {
    const outbox = new DeliveryOutbox();
    const other = anIntegration({ destination: "ga4", lane: 2 });
    for (let i = 0; i < 4; i++) outbox.add("sender", "env_test", i % 2 ? integration : other, anEvent(), "{}");
    const { env, messages } = lanes();
    await outbox.send(env, () => {});
    expect(messages().map((m) => [m.integration_id, m.items.length])).toEqual([
      ["int_ga4", 2],
      ["int_webhook", 2],
    ]);
  });
});

describe("sending", () => {
  it("takes at most 256 KB and 100 messages at once, which is all that a queue takes", async () => {
    const outbox = new DeliveryOutbox();
    for (let i = 0; i < 20; i++) outbox.add("s", "env_test", integration, anEvent(), payload(50_000));
    const many = Array.from({ length: 130 }, (_, i) =>
      anIntegration({ id: `int_${i}`, destination: "webhook", lane: 1 }),
    );
    for (const one of many) outbox.add("s", "env_test", one, anEvent(), "{}");
    const { env, batches } = lanes();
    await outbox.send(env, () => {});
    expect(batches[2]!.map((batch) => batch.length)).toEqual([4, 4, 4, 4, 4]);
    expect(batches[1]!.map((batch) => batch.length)).toEqual([100, 30]);
    for (const batch of batches.flat()) {
      expect(batch.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0)).toBeLessThan(256 * 1_000);
    }
  });

  it("tells whose events a lane did not take, and sends the other lanes", async () => {
    const outbox = new DeliveryOutbox();
    const pinned = (lane: number) => anIntegration({ id: `int_${lane}`, destination: "webhook", lane });
    outbox.add("first", "env_test", pinned(0), anEvent(), "{}");
    outbox.add("first", "env_test", pinned(3), anEvent(), "{}");
    outbox.add("second", "env_test", pinned(3), anEvent(), "{}");
    outbox.add("third", "env_test", pinned(1), anEvent(), "{}");
    const { env, batches } = lanes(3);
    const failed = vi.fn();
    await outbox.send(env, failed);
    expect(failed).toHaveBeenCalledExactlyOnceWith(new Set(["first", "second"]), new Error("lane 3 is full"));
    expect(batches.map((lane) => lane.length)).toEqual([1, 1, 0, 0]);
  });

  it("tells only of the part that was not taken, where a lane takes some", async () => {
    const outbox = new DeliveryOutbox();
    for (let i = 0; i < 6; i++) outbox.add(`sender${i}`, "env_test", integration, anEvent(), payload(50_000));
    const { env, batches } = lanes();
    let calls = 0;
    const send = env.DELIVERY_2.sendBatch;
    env.DELIVERY_2.sendBatch = ((messages: never) =>
      calls++ === 0 ? send(messages) : Promise.reject(new Error("full"))) as typeof send;
    const failed = vi.fn();
    await outbox.send(env, failed);
    expect(batches[2]!.map((batch) => batch.length)).toEqual([4]);
    expect(failed.mock.calls.flatMap(([senders]) => [...senders])).toEqual(["sender4", "sender5"]);
  });

  it("calls no queue where there is nothing to send", async () => {
    const { env } = lanes();
    await new DeliveryOutbox().send(env, () => {});
    for (const name of LANE_BINDINGS) expect(env[name].sendBatch).not.toHaveBeenCalled();
  });
});

describe("an integration's lane", () => {
  it("is the pinned one, the first included", () => {
    expect([0, 1, 2, 3].map((lane) => laneOf({ id: "int_x", lane }))).toEqual([0, 1, 2, 3]);
  });

  it("is otherwise always the same one of the four, and integrations spread over them", () => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 1_000; i++) counts[laneOf({ id: `int_${i}` })]!++;
    for (const count of counts) expect(count).toBeGreaterThan(150);
    expect(laneOf({ id: "int_ga4" })).toBe(laneOf({ id: "int_ga4" }));
  });
});
