import { env } from "cloudflare:workers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { analysedVisitOf } from "../../../core/analytics/session-facts.ts";
import { configKey } from "../../../core/environment.ts";
import { shardOf } from "../../../core/shard-map.ts";
import { anEnvironment } from "../../../test/an-environment.ts";
import { anEvent } from "../../../test/an-event.ts";
import { emptyDatabase } from "../../../test/empty-database.ts";
import { forgetConfiguration } from "../../config.ts";
import { api } from "../index.ts";

const environment = anEnvironment({ id: "env_funnel" });

async function call(method: string, path: string, body?: object) {
  const url = `/api${path}${path.includes("?") ? "&" : "?"}environment_id=${environment.id}`;
  const response = await api.request(
    url,
    { method, headers: { authorization: "Bearer test-admin-token" }, ...(body && { body: JSON.stringify(body) }) },
    env,
  );
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects
  return { status: response.status, body: (response.status === 204 ? null : await response.json()) as any };
}

/** Of six visitors two only look, two put something into the basket, and two buy it. */
beforeAll(async () => {
  forgetConfiguration();
  await env.CONFIG.put(configKey.environment(environment.id), JSON.stringify(environment));
  await env.DB.batch([
    env.DB.prepare("INSERT INTO organisations (id, name, created_at) VALUES ('org_funnel', 'X', '2026-01-01')"),
    env.DB.prepare(
      "INSERT INTO environments (id, organisation_id, name, version, shard_map, session_timeout_s, consent_default) VALUES (?, 'org_funnel', 'X', 1, '{}', 1800, 'granted')",
    ).bind(environment.id),
  ]);
  for (let v = 0; v < 6; v++) {
    const names = ["Product Viewed", "Product Added", "Order Completed"].slice(0, 1 + Math.floor(v / 2));
    for (const [minute, event] of names.entries()) {
      const timestamp = new Date(Date.parse("2026-11-20T10:00:00Z") + minute * 60_000).toISOString();
      const location = { country: v % 2 ? "BE" : "NL" };
      const done = anEvent({ anonymous_id: `v${v}`, event, timestamp, context: { location } });
      const name = `${environment.id}/${shardOf(environment.shard_map, done.anonymous_id)}`;
      const { message_id, anonymous_id } = done;
      const at = Date.parse(timestamp);
      await env.VISITOR_SHARD.getByName(name).apply({
        events: [{ message_id, anonymous_id, at, delivery: message_id, vendor_ids: {}, visit: analysedVisitOf(done) }],
        lines: [JSON.stringify({ source_id: "s", event: done, receipt: { steps: [] } })],
        session_timeout_ms: 1_800_000,
        map: environment.shard_map,
        now: at,
      });
    }
  }
});
afterAll(emptyDatabase);

const document = { steps: [{ event: "Product Viewed" }, { event: "Product Added" }, { event: "Order Completed" }] };
const reached = [
  { event: "Product Viewed", reached: 6, rate: 1, step_rate: 1 },
  { event: "Product Added", reached: 4, rate: 4 / 6, step_rate: 4 / 6 },
  { event: "Order Completed", reached: 2, rate: 2 / 6, step_rate: 1 / 2 },
];

it("answers a funnel of all shards, and by country", async () => {
  const asked = { from: "2026-11-20", to: "2026-11-20", ...document, breakdown: "country" };
  const { body } = await call("POST", "/v1/funnel", asked);
  expect(body).toMatchObject({ is_exact: true, steps: reached });
  const byName = Object.fromEntries(
    body.breakdown.groups.map((group: { name: string; steps: { reached: number }[] }) => [
      group.name,
      group.steps.map((step) => step.reached),
    ]),
  );
  expect(byName).toEqual({ BE: [3, 2, 1], NL: [3, 2, 1] });
});

it("saves a funnel, answers it by its id, changes it and deletes it", async () => {
  const { status, body: saved } = await call("POST", "/v1/funnels", { name: "Checkout", document });
  expect([status, saved.document]).toMatchObject([201, { ...document, order: "in_order", by: "visitor" }]);
  const answer = await call("GET", `/funnels/${saved.id}?start_date=2026-11-20&end_date=2026-11-20`);
  expect(answer.body).toMatchObject({ id: saved.id, name: "Checkout", steps: reached });
  const turned = { steps: document.steps.toReversed() };
  expect((await call("PUT", `/v1/funnels/${saved.id}`, { name: "Back", document: turned })).status).toBe(200);
  const after = await call("GET", `/funnels/${saved.id}?start_date=2026-11-20&end_date=2026-11-20`);
  expect(after.body.steps.map((step: { reached: number }) => step.reached)).toEqual([2, 0, 0]);
  expect((await call("GET", "/v1/funnels")).body.funnels).toMatchObject([{ id: saved.id, name: "Back" }]);
  expect((await call("DELETE", `/v1/funnels/${saved.id}`)).status).toBe(204);
  expect((await call("GET", `/funnels/${saved.id}`)).body.error.code).toBe("not_found");
});

it.each([
  ["goals", { event: "Signed Up" }, { event: "a", page: "/" }],
  ["annotations", { at: "2026-11-20T10:00:00Z" }, { at: "yesterday" }],
])("keeps %s", async (kind, good, bad) => {
  const { status, body } = await call("POST", `/v1/${kind}`, { name: "One", document: good });
  expect([status, body.document]).toEqual([201, good]);
  expect((await call("GET", `/v1/${kind}/${body.id}`)).body).toEqual(body);
  expect((await call("POST", `/v1/${kind}`, { name: "Two", document: bad })).body.error.code).toBe("invalid_request");
  expect((await call("PUT", `/v1/${kind}/none`, { name: "Two", document: good })).status).toBe(404);
  expect((await call("DELETE", `/v1/${kind}/${body.id}`)).status).toBe(204);
  expect((await call("DELETE", `/v1/${kind}/${body.id}`)).status).toBe(404);
});

it("answers a saved goal by its name", async () => {
  await call("POST", "/v1/goals", { name: "Sale", document: { event: "Order Completed" } });
  const { body } = await call("GET", "/goals?goal_name=Sale&start_date=2026-11-20&end_date=2026-11-20");
  expect(body.cards[0].rows[0].metrics).toEqual({ conversions: 2, conversion_rate: 2 / 6, sessions: 6 });
});
