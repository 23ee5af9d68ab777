import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, expect, it, vi } from "vitest";
import { merge } from "../core/analytics/merge.ts";
import { query } from "../core/analytics/query.ts";
import { analysedVisitOf } from "../core/analytics/session-facts.ts";
import type { Event } from "../core/event.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { anEvent } from "../test/an-event.ts";
import { FINAL_AFTER_MS } from "./visitor-shard.ts";

const map = firstShardMap(1);
const START = Date.parse("2026-11-20T10:00:00Z");
const MINUTE = 60_000;
const TIMEOUT = 30 * MINUTE;
const asked = query.parse({
  from: "2026-11-20",
  to: "2026-11-20",
  cards: [
    { name: "total", metrics: ["visitors", "sessions", "page_views", "events", "orders", "revenue", "refunded"] },
    { name: "by page", metrics: ["visitors", "page_views"], dimensions: ["page"] },
    { name: "by country", metrics: ["revenue", "visitors"], dimensions: ["country"] },
  ],
});

let made = 0;
const aShard = () => env.VISITOR_SHARD.getByName(`env_analysis_${++made}/s0`);
type Shard = ReturnType<typeof aShard>;

afterEach(() => vi.useRealTimers());

let deliveries = 0;
async function apply(shard: Shard, events: Event[], now = START + 60 * MINUTE) {
  await shard.apply({
    events: events.map((event) => ({
      message_id: event.message_id,
      anonymous_id: event.anonymous_id,
      at: Date.parse(event.timestamp),
      delivery: `d${++deliveries}`,
      vendor_ids: {},
      visit: analysedVisitOf(event),
    })),
    lines: events.map((event) => JSON.stringify({ source_id: "s", event, receipt: { v: 1, integrations: [] } })),
    session_timeout_ms: TIMEOUT,
    map,
    now,
  });
}

async function ask(shard: Shard) {
  const { time_zone, week_start, cards } = asked;
  const range = { from: Date.parse("2026-11-20T00:00:00Z"), to: Date.parse("2026-11-21T00:00:00Z") };
  const answer = await shard.query({ range, time_zone, week_start, cards }, map);
  const [total, pages, countries] = cards.map((card, c) => merge(card, [answer.cards[c]!]).rows);
  return { total: total![0]?.metrics, pages, countries };
}

const view = (anonymous_id: string, minute: number, path: string) =>
  anEvent({
    anonymous_id,
    type: "page",
    timestamp: new Date(START + minute * MINUTE).toISOString(),
    context: { page: { path, url: `https://shop.example${path}` }, location: { country: "BE" } },
  });
let orders = 0;
const order = (anonymous_id: string, minute: number, revenue: number, event = "Order Completed") =>
  anEvent({
    anonymous_id,
    event,
    timestamp: new Date(START + minute * MINUTE).toISOString(),
    properties: { order_id: `o-${++orders}`, revenue, currency: "EUR" },
  });

it("answers from an event that came a moment ago, with its money in minor units", async () => {
  const shard = aShard();
  await apply(shard, [view("a", 0, "/"), order("a", 2, 19.99), order("a", 3, 5, "Order Refunded"), view("b", 1, "/")]);
  expect(await ask(shard)).toEqual({
    total: { visitors: 2, sessions: 2, page_views: 2, events: 4, orders: 1, revenue: 1_999, refunded: 500 },
    pages: [{ dimensions: { page: "/" }, metrics: { visitors: 2, page_views: 2 } }],
    countries: [{ dimensions: { country: "BE" }, metrics: { revenue: 1_999, visitors: 2 } }],
  });
});

it("answers the same when sessions are closed and stored, and after an eviction", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: START + 60 * MINUTE });
  const shard = aShard();
  await apply(shard, [view("a", 0, "/"), order("a", 2, 19.99), view("b", 1, "/x"), view("a", 200, "/late")]);
  const before = await ask(shard);
  await shard.flush();
  vi.setSystemTime(START + FINAL_AFTER_MS + 5 * 3_600_000);
  await runDurableObjectAlarm(shard);
  expect(await shard.stats()).toMatchObject({ closed_sessions: 3 });
  expect(await ask(shard)).toEqual(before);
  await evictDurableObject(shard);
  expect(await ask(shard)).toEqual(before);
});

it("knows nothing of a visitor who was forgotten", async () => {
  const shard = aShard();
  await apply(shard, [view("a", 0, "/"), view("b", 1, "/")]);
  await ask(shard);
  await shard.forget("a");
  expect((await ask(shard)).total).toMatchObject({ visitors: 1, page_views: 1 });
});

it("does not depend on the order in which events come, nor on how often", async () => {
  const moment = fc.record({
    visitor: fc.constantFrom("a", "b", "c"),
    minute: fc.integer({ min: 0, max: 600 }),
    what: fc.constantFrom("/", "/x", "order", "refund"),
    cents: fc.integer({ min: 1, max: 99_999 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(moment, { minLength: 1, maxLength: 12 }), fc.nat(), async (moments, seed) => {
      const events = moments.map(({ visitor, minute, what, cents }) => {
        if (what === "order") return order(visitor, minute, cents / 100);
        if (what === "refund") return order(visitor, minute, cents / 100, "Order Refunded");
        return view(visitor, minute, what);
      });
      const shard = aShard();
      const shuffled = [...events, ...events].map((event, i) => ({ event, by: (i * 7_919 + seed) % 104_729 }));
      for (const { event } of shuffled.sort((a, b) => a.by - b.by)) await apply(shard, [event], START + 700 * MINUTE);
      const views = moments.filter(({ what }) => what.startsWith("/"));
      const sum = (of: string) =>
        moments.filter(({ what }) => what === of).reduce((total, { cents }) => total + cents, 0);
      const answer = await ask(shard);
      expect(answer.total).toMatchObject({
        visitors: new Set(moments.map(({ visitor }) => visitor)).size,
        events: moments.length,
        page_views: views.length,
        revenue: sum("order"),
        refunded: sum("refund"),
      });
      for (const { dimensions, metrics } of answer.pages!) {
        const theirs = views.filter(({ what }) => what === dimensions.page);
        expect(metrics).toEqual({
          visitors: new Set(theirs.map(({ visitor }) => visitor)).size,
          page_views: theirs.length,
        });
      }
    }),
    { numRuns: 15 },
  );
});
