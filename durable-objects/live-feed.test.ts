import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { LiveItem } from "../core/live.ts";
import { anEvent } from "../test/an-event.ts";
import type { LiveFeed } from "./live-feed.ts";

let feeds = 0;
const newFeed = () => env.LIVE_FEED.getByName(`env_feed_${++feeds}`);

async function watch(feed: ReturnType<typeof newFeed>, query = "") {
  const response = await feed.fetch(`https://feed/?${query}`, { headers: { upgrade: "websocket" } });
  const socket = response.webSocket!;
  const received: LiveItem[][] = [];
  const texts: string[] = [];
  let closed: number | undefined;
  socket.addEventListener("message", ({ data }) => {
    texts.push(data as string);
    if (data !== "pong") received.push(JSON.parse(data as string));
  });
  socket.addEventListener("close", ({ code }) => {
    closed = code;
  });
  socket.accept();
  await until(() => received.length > 0);
  return { socket, received, texts, closed: () => closed };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !(await isSo()); i++) {
    if (i > 200) throw new Error("it never came so");
    await scheduler.wait(5);
  }
}

/** Told apart by how many watch: any item would do. */
const item = (watching: number): LiveItem => ({ kind: "hello", watching, filter: {} });

describe("watching", () => {
  it("begins with a greeting that says how many watch", async () => {
    const feed = newFeed();
    expect((await watch(feed)).received).toEqual([[{ kind: "hello", watching: 1, filter: {} }]]);
    expect((await watch(feed)).received).toEqual([[{ kind: "hello", watching: 2, filter: {} }]]);
  });

  it("brings everyone the same items, in order", async () => {
    const feed = newFeed();
    const watchers = [await watch(feed), await watch(feed)];
    expect(await feed.publish([item(7), item(8)])).toBe(2);
    expect(await feed.publish([item(9)])).toBe(2);
    for (const { received } of watchers) {
      await until(() => received.length === 3);
      expect(received.slice(1)).toEqual([[item(7), item(8)], [item(9)]]);
    }
  });

  it("under load shows a sample, and says what is left out", async () => {
    const feed = newFeed();
    const { received } = await watch(feed);
    await feed.publish(Array.from({ length: 1_000 }, (_, i) => item(i)));
    await feed.publish(Array.from({ length: 1_234 }, (_, i) => item(i)));
    await until(() => received.length === 3);
    expect(received[1]).toHaveLength(1_000);
    expect(received[1]!.every((one) => one.kind === "hello")).toBe(true);
    expect(received[2]).toHaveLength(1_001);
    expect(received[2]!.at(-1)).toEqual({ kind: "sampled", left_out: 234 });
  });

  it("may be checked by a ping, which wakes nobody", async () => {
    const { socket, texts } = await watch(newFeed());
    socket.send("ping");
    await until(() => texts.includes("pong"));
  });
});

it("counts nobody where nobody watches", async () => {
  expect(await newFeed().publish([item(1)])).toBe(0);
});

it.each([
  ["politely", (socket: WebSocket) => socket.close(1000, "enough")],
  ["without a code", (socket: WebSocket) => socket.close()],
  ["with a code of its own", (socket: WebSocket) => socket.close(4_321, "mine")],
])("goes on for the others when a socket is closed %s", async (_, close) => {
  const feed = newFeed();
  const [leaver, stayer] = [await watch(feed), await watch(feed)];
  close(leaver.socket);
  expect(await feed.publish([item(5)])).toBeGreaterThanOrEqual(1);
  await until(async () => (await feed.publish([item(6)])) === 1);
  await until(() => stayer.received.length > 2);
  expect(stayer.received[1]).toEqual([item(5)]);
  await until(() => leaver.closed() !== undefined);
});

it.each([999, 1_004, 1_005, 1_006, 1_015])(
  "is not upset by a close that comes with %i, which may not be sent back",
  async (code) => {
    const feed = newFeed();
    const { closed } = await watch(feed);
    await runInDurableObject(feed, (instance: LiveFeed, state) => {
      const close = instance.webSocketClose as (socket: WebSocket, code: number) => Promise<void>;
      return close.call(instance, state.getWebSockets()[0]!, code);
    });
    await until(() => closed() === 1_000);
  },
);

const receivedItem = (message_id: string, given: Parameters<typeof anEvent>[0] = {}): LiveItem => ({
  kind: "received",
  source_id: "src_a",
  event: anEvent({ message_id, ...given }),
});
const idsIn = (frames: LiveItem[][]) =>
  frames.flat().flatMap((one) => (one.kind === "received" ? [one.event.message_id] : []));

describe("a filter", () => {
  it("is given at the start, changed by a message, and outlasts hibernation", async () => {
    const feed = newFeed();
    const { socket, received } = await watch(feed, `filter=${encodeURIComponent('{"user":"u1"}')}`);
    await feed.publish([receivedItem("m1", { user_id: "u1" }), receivedItem("m2", { user_id: "u2" })]);
    socket.send(JSON.stringify({ filter: { user: "u2" } }));
    await until(() => received.flat().some(({ kind }) => kind === "filter"));
    await evictDurableObject(feed);
    await feed.publish([receivedItem("m3", { user_id: "u1" }), receivedItem("m4", { user_id: "u2" })]);
    await until(() => idsIn(received).length === 2);
    expect(idsIn(received)).toEqual(["m1", "m4"]);
  });

  it.each([
    ["no JSON", "nonsense"],
    ["no object", "[]"],
    ["a filter of nothing known", '{"filter":{"colour":"red"}}'],
    ["nothing that it knows", '{"hello":1}'],
  ])("stays as it was when %s is sent", async (_, text) => {
    const { socket, received } = await watch(newFeed());
    socket.send(text);
    await until(() => received.length === 2);
    expect(received[1]).toMatchObject([{ kind: "error" }]);
  });
});

describe("a watcher who reads nothing", () => {
  it("holds up neither the pipeline nor the others, and learns how much it missed", async () => {
    const feed = newFeed();
    const [slow, quick] = [await watch(feed), await watch(feed)];
    quick.socket.addEventListener("message", () => quick.socket.send('{"ack":1}'));
    quick.socket.send('{"ack":1}');
    for (let i = 0; i < 150; i++) {
      await feed.publish([receivedItem(`m${i}`)]);
      await until(() => idsIn(quick.received).length === i + 1);
    }
    // The greeting and 63 more: what may be on its way.
    expect(idsIn(slow.received)).toHaveLength(63);
    slow.socket.send('{"ack":64}');
    await until(async () => {
      await feed.publish([receivedItem("later")]);
      return slow.received.flat().some((one) => one.kind === "sampled");
    });
    const missed = slow.received.flat().find((one) => one.kind === "sampled")!;
    expect(missed).toMatchObject({ left_out: expect.any(Number) });
    expect(missed.kind === "sampled" && missed.left_out).toBeGreaterThanOrEqual(87);
  });

  it("is bounded by size too, as is a stream of server-sent events that nobody reads", async () => {
    const feed = newFeed();
    const { received } = await watch(feed);
    const stream = await feed.fetch("https://feed/");
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    const big = { properties: { text: "x".repeat(200_000) } };
    for (let i = 0; i < 12; i++) expect(await feed.publish([receivedItem(`m${i}`, big)])).toBe(2);
    await until(() => idsIn(received).length === 5);
    await feed.publish([receivedItem("last", big)]);
    expect(idsIn(received)).toHaveLength(5);
    await stream.body!.cancel();
  });
});

it("tells server-sent events the same as sockets, and ends counting those who left", async () => {
  const feed = newFeed();
  const reader = (await feed.fetch("https://feed/")).body!.getReader();
  await feed.publish([item(3)]);
  let text = "";
  while (!text.includes('"watching":3')) text += new TextDecoder().decode((await reader.read()).value);
  expect(text).toBe(
    `data: ${JSON.stringify([{ kind: "hello", watching: 1, filter: {} }])}\n\ndata: ${JSON.stringify([item(3)])}\n\n`,
  );
  await reader.cancel();
  await until(async () => (await feed.publish([item(4)])) === 0);
});

it("masks personal data for those who may not see it, and for nobody else", async () => {
  const feed = newFeed();
  const [masked, open] = [await watch(feed, "masked=1"), await watch(feed)];
  await feed.publish([receivedItem("m1", { properties: { email: "ann@shop.example" } })]);
  await until(() => masked.received.length === 2 && open.received.length === 2);
  expect(JSON.stringify(masked.received)).not.toContain("ann@shop.example");
  expect(JSON.stringify(open.received)).toContain("ann@shop.example");
});

it("remembers the path of an event, and not of more than its budget", async () => {
  const feed = newFeed();
  await feed.publish([receivedItem("m1")]);
  expect(await feed.path("m1")).toMatchObject([{ kind: "received" }]);
  const big = { properties: { text: "x".repeat(500_000) } };
  for (let i = 0; i < 17; i++) await feed.publish([receivedItem(`big${i}`, big)]);
  expect(await feed.path("m1")).toEqual([]);
  expect(await feed.path("big16")).toHaveLength(1);
});
