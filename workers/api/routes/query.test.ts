import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { analysedVisitOf } from "../../../core/analytics/session-facts.ts";
import { configKey, type Environment } from "../../../core/environment.ts";
import type { Event } from "../../../core/event.ts";
import { shardOf } from "../../../core/shard-map.ts";
import { anEnvironment } from "../../../test/an-environment.ts";
import { anEvent } from "../../../test/an-event.ts";
import { forgetConfiguration } from "../../config.ts";
import { api } from "../index.ts";

let made = 0;
let environment: Environment;
beforeEach(async () => {
  forgetConfiguration();
  environment = anEnvironment({ id: `env_query_${++made}` });
  await env.CONFIG.put(configKey.environment(environment.id), JSON.stringify(environment));
});

async function ask(body: unknown) {
  const response = await api.request(
    `/api/v1/query?environment_id=${environment.id}`,
    { method: "POST", headers: { authorization: "Bearer test-admin-token" }, body: JSON.stringify(body) },
    env,
  );
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects
  return { status: response.status, body: (await response.json()) as any };
}

async function happened(...events: Event[]) {
  for (const event of events) {
    const shard = env.VISITOR_SHARD.getByName(
      `${environment.id}/${shardOf(environment.shard_map, event.anonymous_id)}`,
    );
    await shard.apply({
      events: [
        {
          message_id: event.message_id,
          anonymous_id: event.anonymous_id,
          at: Date.parse(event.timestamp),
          delivery: `q-${event.message_id}`,
          vendor_ids: {},
          visit: analysedVisitOf(event),
        },
      ],
      lines: [JSON.stringify({ source_id: "s", event, receipt: { steps: [] } })],
      session_timeout_ms: 1_800_000,
      map: environment.shard_map,
      now: Date.parse(event.received_at),
    });
  }
}

const view = (anonymous_id: string, timestamp: string, country: string) =>
  anEvent({
    anonymous_id,
    type: "page",
    timestamp,
    context: { page: { path: "/", url: "https://shop.example/" }, location: { country } },
  });
const total = (over: object = {}) => ({ name: "total", metrics: ["visitors", "page_views"], ...over });

it("tells a site's owner, by plain GETs, which source makes money", async () => {
  const from = (source: string) => ({ traffic: { source, medium: "cpc" } });
  const timestamp = "2026-11-20T10:00:00.000Z";
  await happened(
    { ...view("a", timestamp, "BE"), context: from("google") },
    { ...view("b", timestamp, "BE"), context: from("bing") },
    anEvent({ anonymous_id: "a", event: "Order Completed", timestamp, properties: { total: 99, currency: "EUR" } }),
  );
  const get = async (path: string) => {
    const url = `/api/${path}environment_id=${environment.id}&start_date=2026-11-01&end_date=2026-11-30`;
    const response = await api.request(url, { headers: { authorization: "Bearer test-admin-token" } }, env);
    // biome-ignore lint/suspicious/noExplicitAny: each line says what it expects
    return { status: response.status, body: (await response.json()) as any };
  };
  const { body: metrics } = await get("metrics?");
  expect(metrics.cards[0].rows[0].metrics).toMatchObject({ visitors: 2, revenue: 9_900, revenue_per_visitor: 4_950 });
  expect(metrics.cards[1].rows[0]).toMatchObject({ dimensions: { source: "google" }, metrics: { revenue: 9_900 } });
  const { body: revenue } = await get("revenue?source=google&");
  expect(revenue.cards[0].rows[0].metrics).toMatchObject({ orders: 1, revenue: 9_900, net_revenue: 9_900 });
  const { body: goals } = await get("goals?goal_name=Order%20Completed&");
  expect(goals.cards[0].rows[0].metrics).toEqual({ conversions: 1, conversion_rate: 0.5, sessions: 2 });
  expect(await get("goals?")).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
});

it("tells who is there now, of all shards, by page, source and country", async () => {
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const now = (anonymous_id: string, minutes: number, country: string) => ({
    ...view(anonymous_id, minutesAgo(minutes), country),
    received_at: minutesAgo(Math.min(minutes, 1)),
  });
  const told = now("b", 2, "NL");
  await happened(now("a", 1, "BE"), {
    ...told,
    context: { ...told.context, traffic: { source: "bing", medium: "cpc" } },
  });
  // What was here ten minutes ago, and what happened then and came just now.
  await happened({ ...now("c", 10, "BE"), received_at: minutesAgo(10) }, now("d", 10, "BE"));
  const get = async (path: string) => {
    const url = `/api/realtime?environment_id=${environment.id}${path}`;
    const response = await api.request(url, { headers: { authorization: "Bearer test-admin-token" } }, env);
    return { status: response.status, body: await response.json() };
  };
  expect((await get("")).body).toMatchObject({
    visitors: 2,
    pages: [{ name: "/", visitors: 2 }],
    sources: [
      { name: "", visitors: 1 },
      { name: "bing", visitors: 1 },
    ],
    countries: [
      { name: "BE", visitors: 1 },
      { name: "NL", visitors: 1 },
    ],
  });
  expect((await get("&limit=x")).status).toBe(400);
});

describe("a query", () => {
  it("adds up visitors of all shards, by the days of the site's time zone, and compares them", async () => {
    await happened(
      ...Array.from({ length: 20 }, (_, i) => view(`a${i}`, "2026-11-20T10:00:00.000Z", i < 5 ? "BE" : "NL")),
      // In Kolkata it is the 21st.
      view("a0", "2026-11-20T19:00:00.000Z", "BE"),
      view("b", "2026-11-18T10:00:00.000Z", "BE"),
    );
    const { status, body } = await ask({
      from: "2026-11-20",
      to: "2026-11-21",
      time_zone: "Asia/Kolkata",
      compare: "previous_period",
      cards: [total(), total({ name: "days", interval: "day" }), total({ name: "countries", dimensions: ["country"] })],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ from: "2026-11-20T00:00:00+05:30", is_exact: true, is_moving: false });
    const [all, days, countries] = body.cards;
    expect(all.rows).toEqual([{ dimensions: {}, metrics: { visitors: 20, page_views: 21 } }]);
    expect(days.rows).toEqual([
      { dimensions: {}, bucket: 0, metrics: { visitors: 20, page_views: 20 } },
      { dimensions: {}, bucket: 1, metrics: { visitors: 1, page_views: 1 } },
    ]);
    expect(days.buckets[1]).toMatchObject({ from: "2026-11-21T00:00:00+05:30", to: "2026-11-22T00:00:00+05:30" });
    expect(countries.rows.map((row: { dimensions: object }) => row.dimensions)).toEqual([
      { country: "NL" },
      { country: "BE" },
    ]);
    expect(body.compared.cards[0].rows).toEqual([{ dimensions: {}, metrics: { visitors: 1, page_views: 1 } }]);
  });

  const day = { from: "2026-11-20", to: "2026-11-20" };
  it.each([
    ["a zone that nobody knows", { ...day, time_zone: "Mars/Olympus", cards: [total()] }, /time_zone/],
    ["ten years", { from: "2016-11-20", to: "2026-11-20", cards: [total()] }, /800 days/],
    ["an end before the beginning", { from: "2026-11-21", to: "2026-11-20", cards: [total()] }, /before/],
    [
      "too many hours",
      { from: "2025-01-01", to: "2026-11-20", cards: [total({ interval: "hour" })] },
      /10000 intervals/,
    ],
    ["a metric that there is not", { ...day, cards: [total({ metrics: ["sales"] })] }, /metrics/],
    [
      "an expression that is none",
      { ...day, cards: [total()], filter: { dimension: "page", operator: "matches", values: ["(a"] } },
      /RE2/,
    ],
  ])("refuses %s, and says why", async (_, body, message) => {
    const answer = await ask(body);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
    expect(answer.body.error.message).toMatch(message);
  });

  it.each([["'; DROP TABLE closed; --"], ['" OR 1=1'], ["%"], ["\\"], ["__proto__"]])(
    "takes %j in a filter for a text like any other",
    async (value) => {
      await happened(view("a", "2026-11-20T10:00:00.000Z", "BE"));
      const { body } = await ask({
        ...day,
        cards: [total()],
        filter: { dimension: "country", operator: "is", values: [value] },
      });
      expect(body.cards[0].rows).toEqual([]);
    },
  );
});
