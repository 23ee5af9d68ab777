import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import { funnel, mergeFunnel } from "../core/analytics/funnel.ts";
import { merge } from "../core/analytics/merge.ts";
import { query } from "../core/analytics/query.ts";
import { analysedVisitOf } from "../core/analytics/session-facts.ts";
import { firstShardMap, nextShardMap, type ShardMap, shardOf, shardsOf } from "../core/shard-map.ts";
import { anEvent } from "../test/an-event.ts";
import { FINAL_AFTER_MS } from "./visitor-shard.ts";

const ENVIRONMENT = "env_analysis_moves";
const START = Date.parse("2026-11-20T10:00:00Z");
const HOUR = 3_600_000;
const VISITORS = 24;
const asked = query.parse({
  from: "2026-11-20",
  to: "2026-11-20",
  cards: [{ name: "total", metrics: ["visitors", "sessions", "page_views", "orders", "revenue"] }],
});
const checkout = funnel.parse({ steps: [{ page: "/" }, { event: "Order Completed" }] });
const range = { from: Date.parse("2026-11-20T00:00:00Z"), to: Date.parse("2026-11-21T00:00:00Z") };
const first = firstShardMap(2);
const shard = (name: string) => env.VISITOR_SHARD.getByName(`${ENVIRONMENT}/${name}`);

afterEach(() => vi.useRealTimers());

async function happened(visitor: number): Promise<void> {
  const anonymous_id = `visitor-${visitor}`;
  const at = (minute: number) => new Date(START + minute * 60_000).toISOString();
  const context = { page: { path: "/", url: "https://shop.example/" } };
  const events = [
    anEvent({ anonymous_id, type: "page", timestamp: at(0), context }),
    anEvent({ anonymous_id, event: "Order Completed", timestamp: at(1), properties: { total: 10, currency: "EUR" } }),
  ];
  await shard(shardOf(first, anonymous_id)).apply({
    events: events.map((event) => ({
      message_id: event.message_id,
      anonymous_id,
      at: Date.parse(event.timestamp),
      delivery: event.message_id,
      vendor_ids: {},
      visit: analysedVisitOf(event),
    })),
    lines: events.map((event) => JSON.stringify({ source_id: "s", event, receipt: { v: 1, integrations: [] } })),
    session_timeout_ms: HOUR / 2,
    map: first,
    now: START + HOUR,
  });
}

/** As the API asks (run-query.ts, run-funnel.ts). */
async function ask(map: ShardMap) {
  const { time_zone, week_start, cards } = asked;
  const scan = { range, time_zone, week_start, cards };
  const answers = await Promise.all(shardsOf(map).map((name) => shard(name).query(scan, map)));
  const funnels = await Promise.all(shardsOf(map).map((name) => shard(name).funnel(checkout, range, map)));
  const [row] = merge(
    cards[0]!,
    answers.map((answer) => answer.cards[0]!),
  ).rows;
  return {
    metrics: row!.metrics,
    reached: mergeFunnel(2, funnels).total,
    isMoving: [...answers, ...funnels].some(({ is_moving }) => is_moving),
  };
}

const of = (visitors: number) => ({
  metrics: { visitors, sessions: visitors, page_views: visitors, orders: visitors, revenue: visitors * 1_000 },
  reached: [visitors, visitors],
});

it("counts closed sessions once while and after buckets move, and none of a visitor who was forgotten", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: START + HOUR });
  for (let v = 0; v < VISITORS; v++) await happened(v);
  vi.setSystemTime(START + FINAL_AFTER_MS + 5 * HOUR);
  for (const name of first.shards) {
    await shard(name).flush();
    await runDurableObjectAlarm(shard(name));
  }
  const closed = await Promise.all(first.shards.map(async (name) => (await shard(name).stats()).closed_sessions));
  expect(closed.reduce((sum, count) => sum + count, 0)).toBe(VISITORS);
  expect(await ask(first)).toEqual({ ...of(VISITORS), isMoving: false });

  const map = nextShardMap(first, 3);
  let wasMoving = false;
  for (let settled = false, i = 0; !settled; i++) {
    expect(i).toBeLessThan(100);
    const answer = await ask(map);
    wasMoving ||= answer.isMoving;
    // A visitor on the way may be missing, and the answer says so; nobody is there twice.
    expect(answer.metrics.visitors!).toBeLessThanOrEqual(VISITORS);
    if (!answer.isMoving) expect(answer).toMatchObject(of(VISITORS));
    const all = await Promise.all(map.shards.map((name) => shard(name).follow(map)));
    settled = all.every((one) => one.settled);
    for (const name of map.shards) await runDurableObjectAlarm(shard(name));
  }
  expect(wasMoving).toBe(true);
  expect(await ask(map)).toMatchObject(of(VISITORS));

  expect(await shard(shardOf(map, "visitor-3")).forget("visitor-3", map)).toBeDefined();
  expect(await ask(map)).toMatchObject(of(VISITORS - 1));
  for (const name of map.shards) await evictDurableObject(shard(name));
  expect(await ask(map)).toMatchObject(of(VISITORS - 1));
});
