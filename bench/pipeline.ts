/**
 * Events per second through everything, from HTTP to the vendors' answers, and what a million of them would be billed: the run
 * counts its own operations at every binding (metered-worker.ts) and multiplies them with the list prices.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { inArray } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { publishEnvironment } from "../db/publish-environment.ts";
import * as schema from "../db/schema.ts";
import { seed } from "../db/seed.ts";
import { load, post } from "./load.ts";
import { dollars, listPrice, type Operation, type Operations, PRICES } from "./prices.ts";
import { traffic } from "./traffic.ts";
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const ROOT = resolve(import.meta.dirname, "..");
const EVENTS = 20_000;
const WARM_UP = 1_000;
const CONNECTIONS = 8;
const QUEUES = [
  "raw-events",
  "profile-events",
  "delivery-0",
  "delivery-1",
  "delivery-2",
  "delivery-3",
  "delivery-recovery",
];

/** What a run is shaped by; what is billed depends on both (bench/cost.ts). */
export interface Shape {
  events: number;
  events_a_request: number;
  /** Of the seeded ones: GA4, Meta, a webhook. */
  integrations: 1 | 2 | 3;
}

/** The first is the one that is reported; the others are there to tell apart what a request, an event and a vendor cost. */
const SHAPES: Shape[] = [
  { events: EVENTS, events_a_request: 10, integrations: 3 },
  { events: EVENTS / 2, events_a_request: 5, integrations: 3 },
  { events: EVENTS / 2, events_a_request: 10, integrations: 1 },
];

export async function benchPipeline(progress: (text: string) => void) {
  const measured: Awaited<ReturnType<typeof measure>>[] = [];
  for (const shape of SHAPES) measured.push(await measure(shape, progress));
  const { integrations, seconds, counted } = measured[0]!;
  const perMillion = scale(counted, 1_000_000 / EVENTS);
  return {
    benchmark: "pipeline",
    machine: machine(),
    events: EVENTS,
    events_a_request: SHAPES[0]!.events_a_request,
    integrations,
    seconds: round(seconds, 1),
    events_per_second: Math.round(EVENTS / seconds),
    cpu_us_per_event: round((counted.worker_cpu_ms * 1_000) / EVENTS, 0),
    rows_written_per_event: round(counted.rows_written / EVENTS, 4),
    operations_per_million_events: wholes(perMillion),
    dollars_per_million_events: round(dollars(perMillion), 3),
    dollars_by_operation: Object.fromEntries(
      (Object.keys(PRICES) as Operation[]).map((name) => [name, round(listPrice(name, perMillion[name]), 4)]),
    ),
    shapes: SHAPES.map((shape, i) => ({
      ...shape,
      lake_bytes_per_event: round(measured[i]!.lakeBytes / shape.events, 0),
      operations_per_million_events: wholes(scale(measured[i]!.counted, 1_000_000 / shape.events)),
    })),
    note: "CPU is the whole workerd process with the simulated queues, storage and both ends of every call: an upper bound. Object time is how long callers waited. What a plan includes each month is not taken off.",
  };
}

async function measure(shape: Shape, progress: (text: string) => void) {
  const { events, events_a_request, integrations } = shape;
  const name = `pipeline, ${events_a_request} events a request, ${integrations} vendors`;
  const sink = await startSink();
  const secrets = {
    write_key: "wk_bench",
    server_key: "sk_bench",
    webhook_secret: `whsec_${randomBytes(32).toString("base64")}`,
    credentials_key: randomBytes(32).toString("base64"),
  };
  const worker = await startWorker("pipeline", "bench/metered-worker.ts", bindings(sink.url, secrets.credentials_key));
  try {
    await prepare(worker, secrets, integrations);
    progress(`${name}: warming up`);
    const warm = await run(worker, { ...shape, events: WARM_UP }, 1, 0, () => {});
    await api(worker, "/api/v1/status/flush", "POST");
    const lakeBefore = await lakeBytes(worker);
    await operations(worker);

    const cpu = worker.cpuMs();
    const started = performance.now();
    const status = await run(worker, shape, 2, WARM_UP, (done) =>
      progress(`${name}: ${done} of ${events} events delivered`),
    );
    const seconds = (performance.now() - started) / 1_000;
    const cpuMs = worker.cpuMs() - cpu;
    // The lake is part of the bill: what waits in the shards' logs is written now rather than after five minutes.
    await api(worker, "/api/v1/status/flush", "POST");
    return {
      seconds,
      counted: { ...(await operations(worker)), worker_cpu_ms: cpuMs },
      lakeBytes: (await lakeBytes(worker)) - lakeBefore,
      integrations: status.integrations.map(({ name, delivered, dead_lettered }, i) => ({
        name,
        delivered: delivered - warm.integrations[i]!.delivered,
        dead_lettered: dead_lettered - warm.integrations[i]!.dead_lettered,
      })),
    };
  } finally {
    await worker.stop();
    sink.stop();
  }
}

async function lakeBytes(worker: BenchWorker): Promise<number> {
  const bucket = await worker.miniflare.getR2Bucket("LAKE");
  let bytes = 0;
  for (let cursor: string | undefined; ; ) {
    const page = await bucket.list({ prefix: "events/", ...(cursor && { cursor }) });
    for (const { size } of page.objects) bytes += size;
    if (!page.truncated) return bytes;
    cursor = page.cursor;
  }
}

interface Status {
  events: number;
  duplicates: number;
  integrations: {
    name: string;
    enabled: boolean;
    delivered: number;
    dead_lettered: number;
    filtered: Record<string, number>;
  }[];
}

/** Sends the shape's events and waits until each has a final outcome at each integration. `before` events were sent earlier. */
async function run(
  worker: BenchWorker,
  { events: count, events_a_request: size }: Shape,
  seedOfTraffic: number,
  before: number,
  progress: (done: number) => void,
): Promise<Status> {
  const events = traffic(count, seedOfTraffic);
  const authorization = `Basic ${btoa("sk_bench:")}`;
  const requests = Array.from({ length: count / size }, (_, i) => {
    const batch = events.slice(i * size, (i + 1) * size);
    return post(worker.url, "/v1/batch", { authorization }, JSON.stringify({ batch }));
  });
  const sent = await load(worker.url, (i) => requests[i]!, {
    connections: CONNECTIONS,
    seconds: 120,
    most: requests.length,
  });
  if (sent.statuses[200] !== requests.length)
    throw new Error(`not every request was answered 200: ${JSON.stringify(sent.statuses)}`);
  const goal = before + count;
  let last = -1;
  for (
    let quietSince = Date.now();
    Date.now() - quietSince < 60_000;
    await new Promise((wait) => setTimeout(wait, 100))
  ) {
    const status = (await api(worker, "/api/v1/status")) as Status;
    const done = Math.min(...status.integrations.filter(({ enabled }) => enabled).map(finalOutcomes));
    if (done >= goal && status.events + status.duplicates >= goal) return status;
    if (done !== last) {
      if (Math.floor(done / 2_000) !== Math.floor(last / 2_000)) progress(done - before);
      quietSince = Date.now();
    }
    last = done;
  }
  throw new Error(`stuck: only ${last} of ${goal} events have a final outcome everywhere`);
}

function finalOutcomes({ delivered, dead_lettered, filtered }: Status["integrations"][number]): number {
  return delivered + dead_lettered + Object.values(filtered).reduce((sum, n) => sum + n, 0);
}

export async function api(worker: BenchWorker, path: string, method = "GET"): Promise<unknown> {
  const answer = await fetch(new URL(path, worker.url), { method, headers: { authorization: "Bearer bench" } });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** The count since the last call, which it sets back to nothing. */
async function operations(worker: BenchWorker): Promise<Operations> {
  const counted = (await (await fetch(new URL("/__operations", worker.url))).json()) as Partial<Operations>;
  return Object.fromEntries(
    (Object.keys(PRICES) as Operation[]).map((name) => [name, counted[name] ?? 0]),
  ) as Operations;
}

/** The demo's environment, of whose three integrations the first so many are on. */
export async function prepare(
  worker: BenchWorker,
  secrets: Parameters<typeof seed>[2],
  integrations: Shape["integrations"] = 3,
): Promise<void> {
  const db = await worker.miniflare.getD1Database("DB");
  for (const file of (await readdir(join(ROOT, "db/migrations"))).sort()) {
    const sql = await readFile(join(ROOT, "db/migrations", file), "utf8");
    for (const statement of sql.split(";").filter((part) => part.trim())) await db.prepare(statement).run();
  }
  const kv = await worker.miniflare.getKVNamespace("CONFIG");
  const tables = drizzle(db as unknown as D1Database, { schema });
  const environment = await seed(tables, kv as unknown as KVNamespace, secrets);
  const off = environment.integrations.slice(integrations).map(({ id }) => id);
  if (off.length === 0) return;
  await tables.update(schema.integrations).set({ enabled: false }).where(inArray(schema.integrations.id, off));
  await publishEnvironment(tables, kv as unknown as KVNamespace, environment.id);
}

/** The root wrangler.toml's bindings, queues' waiting times included. */
export function bindings(sinkUrl: string, credentialsKey: string): Record<string, unknown> {
  const consumer = (maxBatchSize: number) => ({ maxBatchSize, maxBatchTimeout: 1, maxRetries: 20, retryDelay: 5 });
  return {
    bindings: { ADMIN_TOKEN: "bench", CREDENTIALS_KEY: credentialsKey, VENDOR_SINK_URL: sinkUrl },
    d1Databases: { DB: "millrace" },
    kvNamespaces: { CONFIG: "config" },
    r2Buckets: { LAKE: "lake" },
    ratelimits: { SOURCE_LIMIT: { namespace_id: "1", simple: { limit: 100_000_000, period: 60 } } },
    durableObjects: {
      VISITOR_SHARD: { className: "VisitorShard", useSQLite: true },
      PROFILE_SHARD: { className: "ProfileShard", useSQLite: true },
      INTEGRATION_GATE: { className: "IntegrationGate", useSQLite: true },
      LIVE_FEED: { className: "LiveFeed", useSQLite: true },
      CONSENT_REVOCATIONS: { className: "ConsentRevocations", useSQLite: true },
      SCHEMA_WATCH: { className: "SchemaWatch", useSQLite: true },
    },
    analyticsEngineDatasets: { METRICS: { dataset: "millrace" } },
    queueProducers: Object.fromEntries(QUEUES.map((name) => [name.replace("-", "_").toUpperCase(), name])),
    queueConsumers: Object.fromEntries(
      QUEUES.map((name) => [name, consumer(name === "raw-events" ? 100 : name === "profile-events" ? 10 : 25)]),
    ),
  };
}

export async function startSink(): Promise<{ url: string; stop(): void }> {
  const child: ChildProcess = spawn(process.execPath, [join(ROOT, "test/vendor-sink/main.ts"), "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const found = /vendor sink on (\S+)/.exec(text)?.[1];
      if (found) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`the vendor sink ended with code ${code}`)));
  });
  return { url, stop: () => child.kill() };
}

function wholes(operations: Operations): Operations {
  return Object.fromEntries(Object.entries(operations).map(([name, n]) => [name, Math.round(n)])) as Operations;
}

function scale(operations: Operations, by: number): Operations {
  return Object.fromEntries(Object.entries(operations).map(([name, n]) => [name, n * by])) as Operations;
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
