import { afterEach, expect, it, vi } from "vitest";
import type { LiveItem } from "../core/live.ts";
import { publishLive } from "./live.ts";

afterEach(() => vi.restoreAllMocks());

const item: LiveItem = { kind: "hello", watching: 1, filter: {} };
function feedsWith(publish: (items: LiveItem[]) => Promise<number>) {
  return { getByName: () => ({ publish }) } as unknown as Parameters<typeof publishLive>[0];
}

it("asks every three seconds whether somebody watches, and builds no items in between", async () => {
  let now = 1_000_000;
  vi.spyOn(Date, "now").mockImplementation(() => now);
  const publish = vi.fn(async () => 0);
  const items = vi.fn(() => [item]);
  await publishLive(feedsWith(publish), "env_live_1", items);
  now += 2_999;
  await publishLive(feedsWith(publish), "env_live_1", items);
  expect([publish.mock.calls.length, items.mock.calls.length]).toEqual([1, 1]);
  await publishLive(feedsWith(publish), "env_live_2", items);
  expect(publish).toHaveBeenCalledTimes(2);
  now += 1;
  publish.mockResolvedValue(1);
  await publishLive(feedsWith(publish), "env_live_1", items);
  await publishLive(feedsWith(publish), "env_live_1", items);
  expect(publish).toHaveBeenCalledTimes(4);
});

it("says that the stream failed, and nothing else comes of it", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  await publishLive(
    feedsWith(() => Promise.reject(new Error("feed is down"))),
    "env_live_3",
    () => [item],
  );
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("feed is down"));
});
