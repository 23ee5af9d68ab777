/**
 * Delivery alone, from its queue to a vendor's answer at a local sink: how many events a second it sustains, and what becomes of a
 * vendor's events in an outage of sixty seconds. Real queues (miniflare's), real time, real requests.
 */
import { randomBytes } from "node:crypto";
import type { BoardLine } from "../core/delivery-counters.ts";
import type { Event } from "../core/event.ts";
import { laneOf } from "../core/lane.ts";
import { DELIVERY_ITEMS } from "../core/queue-messages.ts";
import { isSkip } from "../workers/delivery/destination.ts";
import { destinationNamed } from "../workers/delivery/destinations/index.ts";
import { deliveryItem, messagesOf } from "../workers/delivery-messages.ts";
import { api, bindings, prepare, startSink } from "./pipeline.ts";
import { traffic } from "./traffic.ts";
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const ENVIRONMENT = "env_demo";
const SECONDS = 20;
const PER_SECOND = 1_000;
/** How often the next events are queued. */
const TICKS_PER_SECOND = 5;
const OUTAGE_S = 60;
const OUTAGE_PER_SECOND = 100;
/** Before, during and after the outage. */
const OUTAGE_RUN_S = 10 + OUTAGE_S + 20;

type Progress = (text: string) => void;

/** `npm run bench -- delivery`. */
export async function benchDelivery(progress: Progress) {
  return withWorker(async (worker, sink) => {
    const results = [];
    for (const vendor of ["meta", "webhook"]) {
      progress(`delivery: warming up ${vendor}`);
      await offer(worker, sink, vendor, { perSecond: 200, seconds: 2, seed: 1 });
      progress(`delivery: ${PER_SECOND} events/s to ${vendor} for ${SECONDS} s`);
      const cpu = worker.cpuMs();
      const run = await offer(worker, sink, vendor, { perSecond: PER_SECOND, seconds: SECONDS, seed: 2 });
      results.push({ ...run, cpu_us_per_event: Math.round(((worker.cpuMs() - cpu) * 1_000) / run.events) });
    }
    return { benchmark: "delivery" as const, machine: machine(), offered_per_second: PER_SECOND, results };
  });
}

/** `npm run bench -- outage`. */
export async function benchOutage(progress: Progress) {
  return withWorker(async (worker, sink) => {
    progress(`outage: ${OUTAGE_PER_SECOND} events/s for ${OUTAGE_RUN_S} s, of which ${OUTAGE_S} s of HTTP 500`);
    const breaks = setTimeout(() => behave(sink, "meta", "500", OUTAGE_S * 1_000), 10_000);
    const options = { perSecond: OUTAGE_PER_SECOND, seconds: OUTAGE_RUN_S, seed: 3, patienceS: 600 };
    const neighbour = offer(worker, sink, "webhook", { ...options, seed: 4 });
    const run = await offer(worker, sink, "meta", options);
    clearTimeout(breaks);
    const beside = await neighbour;
    const ended = OUTAGE_S + 10;
    return {
      benchmark: "outage" as const,
      machine: machine(),
      outage_s: OUTAGE_S,
      events: run.events,
      delivered: run.delivered,
      duplicates: run.duplicates,
      dead_lettered: run.dead_lettered,
      refused_requests: run.refused_requests,
      all_delivered_s_after_its_end: Math.max(0, Math.round((run.seconds - ended) * 10) / 10),
      neighbour: { delivered: beside.delivered, duplicates: beside.duplicates, p95_ms: beside.p95_ms },
    };
  });
}

async function withWorker<T>(work: (worker: BenchWorker, sinkUrl: string) => Promise<T>): Promise<T> {
  const sink = await startSink();
  const credentials_key = randomBytes(32).toString("base64");
  const worker = await startWorker("delivery", "bench/metered-worker.ts", bindings(sink.url, credentials_key));
  try {
    await prepare(worker, {
      write_key: "wk_bench",
      server_key: "sk_bench",
      webhook_secret: `whsec_${randomBytes(32).toString("base64")}`,
      credentials_key,
    });
    return await work(worker, sink.url);
  } finally {
    await worker.stop();
    sink.stop();
  }
}

interface Totals {
  events: number;
  accepted_events: number;
  duplicates: number;
  by_status: Record<string, number>;
}

/** Queues events for one vendor at a fixed rate, and waits until the sink has accepted all of them. */
async function offer(
  worker: BenchWorker,
  sinkUrl: string,
  vendor: string,
  {
    perSecond,
    seconds,
    seed,
    patienceS = 60,
  }: { perSecond: number; seconds: number; seed: number; patienceS?: number },
) {
  const before = await totalsOf(sinkUrl, vendor);
  const gateBefore = await gateOf(worker, vendor);
  const payloads = payloadsFor(vendor, perSecond * seconds, seed);
  const integration_id = `int_${vendor}`;
  const queue = await worker.miniflare.getQueueProducer(`DELIVERY_${laneOf({ id: integration_id })}`);
  const aTick = Math.ceil(perSecond / TICKS_PER_SECOND);
  const started = performance.now();
  for (let at = 0, tick = 0; at < payloads.length; at += aTick, tick++) {
    const due = started + (tick * 1_000) / TICKS_PER_SECOND;
    await new Promise((wait) => setTimeout(wait, Math.max(0, due - performance.now())));
    const now = new Date().toISOString();
    const items = payloads
      .slice(at, at + aTick)
      .map(({ event, payload }) => deliveryItem({ ...event, received_at: now }, payload));
    const head = { environment_id: ENVIRONMENT, integration_id, first_queued_at: now };
    const messages = messagesOf(head, items).map((body) => ({
      body: JSON.stringify(body),
      contentType: "text" as const,
    }));
    for (let i = 0; i < messages.length; i += 100) await queue.sendBatch(messages.slice(i, i + 100));
  }
  const offered = (performance.now() - started) / 1_000;
  const goal = before.accepted_events + payloads.length;
  let now = await totalsOf(sinkUrl, vendor);
  while (now.accepted_events < goal) {
    if (performance.now() - started > (seconds + patienceS) * 1_000)
      throw new Error(
        `stuck: ${vendor} accepted ${now.accepted_events - before.accepted_events} of ${payloads.length} events`,
      );
    await new Promise((wait) => setTimeout(wait, 50));
    now = await totalsOf(sinkUrl, vendor);
  }
  const took = (performance.now() - started) / 1_000;
  // The gate is told after the vendor's answer.
  await new Promise((wait) => setTimeout(wait, 500));
  const gate = await gateOf(worker, vendor);
  const statuses = Object.entries(now.by_status).filter(([status]) => !status.startsWith("2"));
  return {
    vendor,
    events: payloads.length,
    delivered: gate.delivered - gateBefore.delivered,
    dead_lettered: gate.failed - gateBefore.failed,
    duplicates: now.duplicates - before.duplicates,
    refused_requests: statuses.reduce((sum, [status, n]) => sum + n - (before.by_status[status] ?? 0), 0),
    events_a_message: DELIVERY_ITEMS,
    offered_s: round(offered),
    seconds: round(took),
    events_per_second: Math.round(payloads.length / took),
    p50_ms: gate.latency_ms.p50,
    p95_ms: gate.latency_ms.p95,
  };
}

function payloadsFor(vendor: string, count: number, seed: number): { event: Event; payload: unknown }[] {
  const { map, exampleSettings } = destinationNamed(vendor)!;
  const made: { event: Event; payload: unknown }[] = [];
  const received_at = new Date().toISOString();
  // Some kinds of events are for no vendor.
  for (const one of traffic(count * 2, seed + vendor.length * 1_000)) {
    const event = { properties: {}, event: one.type, ...one, received_at } as unknown as Event;
    event.context.purposes = ["functional", "analytics", "marketing"];
    const payload = map(event, exampleSettings);
    if (!isSkip(payload)) made.push({ event, payload });
    if (made.length === count) return made;
  }
  throw new Error(`only ${made.length} of ${count} events are for ${vendor}`);
}

async function totalsOf(sinkUrl: string, vendor: string): Promise<Totals> {
  const summary = (await (await fetch(`${sinkUrl}/summary`)).json()) as Record<string, Totals>;
  return summary[vendor] ?? { events: 0, accepted_events: 0, duplicates: 0, by_status: {} };
}

type GateLine = Pick<BoardLine, "delivered" | "failed" | "latency_ms">;

async function gateOf(worker: BenchWorker, vendor: string): Promise<GateLine> {
  return ((await api(worker, `/api/v1/integrations/int_${vendor}/deliveries`)) as { total: GateLine }).total;
}

const behave = (sinkUrl: string, integration: string, mode: string, for_ms: number) =>
  fetch(`${sinkUrl}/behaviour`, { method: "POST", body: JSON.stringify({ integration, mode, for_ms }) });

const round = (value: number) => Number(value.toFixed(1));
