import { timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment } from "../../../core/environment.ts";
import { sha256 } from "../../../core/hash.ts";
import { shardsOf } from "../../../core/shard-map.ts";
import type { ShardStats } from "../../../durable-objects/visitor-shard.ts";
import { readEnvironment } from "../../config.ts";
import type { ApiEnv } from "../../env.ts";

/** Each costs a call of every shard and gate. */
const MOST_ENVIRONMENTS = 10;

interface Series {
  help: string;
  type: "counter" | "gauge";
}

/**
 * GET: what the shards and gates have counted, as Prometheus reads it (https://prometheus.io/docs/instrumenting/exposition_formats/), for
 * whoever has METRICS_TOKEN. Where that is not set there is no such page.
 */
export const metrics = new Hono<{ Bindings: ApiEnv }>().get("/", async (c) => {
  const { METRICS_TOKEN } = c.env;
  if (!METRICS_TOKEN) throw new ApiError("not_found", "METRICS_TOKEN is not set");
  const token = c.req.header("authorization")?.replace(/^Bearer +/i, "") ?? "";
  if (!timingSafeEqual(Buffer.from(sha256(token)), Buffer.from(sha256(METRICS_TOKEN))))
    throw new ApiError("unauthenticated", "Send METRICS_TOKEN as a bearer token");
  const { results } = await c.env.DB.prepare("SELECT id FROM environments ORDER BY id LIMIT ?")
    .bind(MOST_ENVIRONMENTS)
    .all<{ id: string }>();
  const environments = await Promise.all(results.map(({ id }) => readEnvironment(c.env.CONFIG, id)));
  const all = await Promise.all(environments.filter((one) => one !== null).map((one) => seriesOf(one, c.env)));
  return c.body(written(all.flat()), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
});

type Sample = [name: string, labels: Record<string, string>, value: number];

const SERIES: Record<string, Series> = {
  millrace_events_total: { help: "Events that the shards took", type: "counter" },
  millrace_duplicates_total: { help: "Events that were duplicates", type: "counter" },
  millrace_sessions_total: { help: "Sessions", type: "counter" },
  millrace_waiting_events: { help: "Events that are not yet in the lake", type: "gauge" },
  millrace_deliveries_total: { help: "Events by integration and outcome", type: "counter" },
  millrace_vendor_requests_total: { help: "Requests to vendors", type: "counter" },
  millrace_integration_paused: { help: "1 while nothing is sent to an integration", type: "gauge" },
  millrace_integration_alert: { help: "1 while unusually many events fail at an integration", type: "gauge" },
};

async function seriesOf(environment: Environment, env: ApiEnv): Promise<Sample[]> {
  const at = { environment: environment.id };
  const shards: ShardStats[] = await Promise.all(
    shardsOf(environment.shard_map).map((shard) => env.VISITOR_SHARD.getByName(`${environment.id}/${shard}`).stats()),
  );
  const sum = (of: (stats: ShardStats) => number) => shards.reduce((total, stats) => total + of(stats), 0);
  const gates = await Promise.all(
    environment.integrations.map(async ({ id, name }): Promise<Sample[]> => {
      const stats = await env.INTEGRATION_GATE.getByName(id).stats();
      const of = { ...at, integration_id: id, integration: name };
      const filtered = Object.values(stats.filtered).reduce((total, count) => total + count, 0);
      const { delivered, retried, dead_lettered } = stats;
      const outcomes = Object.entries({ delivered, retried, dead_lettered, filtered });
      return [
        ...outcomes.map(([outcome, count]): Sample => ["millrace_deliveries_total", { ...of, outcome }, count]),
        ["millrace_vendor_requests_total", of, stats.requests],
        ["millrace_integration_paused", { ...of, state: stats.state }, stats.paused_until === null ? 0 : 1],
        ["millrace_integration_alert", of, stats.alert ? 1 : 0],
      ];
    }),
  );
  return [
    ["millrace_events_total", at, sum((s) => s.events)],
    ["millrace_duplicates_total", at, sum((s) => s.duplicates)],
    ["millrace_sessions_total", at, sum((s) => s.sessions)],
    ["millrace_waiting_events", at, sum((s) => s.waiting_events)],
    ...gates.flat(),
  ];
}

/** All samples of one series stand together. */
function written(samples: Sample[]): string {
  const lines = Object.entries(SERIES).flatMap(([series, { help, type }]) => [
    `# HELP ${series} ${help}`,
    `# TYPE ${series} ${type}`,
    ...samples
      .filter(([name]) => name === series)
      .map(([name, labels, value]) => `${name}{${labelled(labels)}} ${value}`),
  ]);
  return `${lines.join("\n")}\n`;
}

const labelled = (labels: Record<string, string>) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`)
    .join();
