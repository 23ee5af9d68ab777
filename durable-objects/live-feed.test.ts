import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { LiveItem } from "../core/live.ts";
import type { LiveFeed } from "./live-feed.ts";

let feeds = 0;
const newFeed = () => env.LIVE_FEED.getByName(`env_feed_${++feeds}`);

async function watch(feed: ReturnType<typeof newFeed>) {
  const response = await feed.fetch("https://feed", { headers: { upgrade: "websocket" } });
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
const item = (watching: number): LiveItem => ({ kind: "hello", watching });

describe("watching", () => {
  it("begins with a greeting that says how many watch", async () => {
    const feed = newFeed();
    expect((await watch(feed)).received).toEqual([[{ kind: "hello", watching: 1 }]]);
    expect((await watch(feed)).received).toEqual([[{ kind: "hello", watching: 2 }]]);
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
