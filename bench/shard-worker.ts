/**
 * The shard, unchanged, with what a benchmark needs: an empty call for a floor, tables filled without a million calls, and an end like
 * an eviction. Times are taken by the caller, as the processor would see them.
 */
import { hash64 } from "../core/hash.ts";
import { pack } from "../core/packed.ts";
import { visitOf } from "../core/session.ts";
import type { ShardBatch } from "../durable-objects/visitor-facts.ts";
import * as real from "../durable-objects/visitor-shard.ts";
import { type BenchEvent, traffic } from "./traffic.ts";

const MINUTE = 60_000;
const HISTORY_ROW = 1_000;
const BLOB_RECORDS = 150;

export class VisitorShard extends real.VisitorShard {
  async nothing(): Promise<void> {}

  /** Takes a call and stores its bytes, and decides nothing. */
  async keep({ events, lines }: ShardBatch): Promise<void> {
    const { sql } = this.ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, facts BLOB, lines BLOB)");
    sql.exec("INSERT OR REPLACE INTO kept VALUES (1, ?, ?)", pack(JSON.stringify(events)), lines as Uint8Array);
  }

  async end(): Promise<void> {
    this.ctx.abort("benchmark");
  }

  /** Ids `first` to `first + count - 1` of the last 25 hours, as checkpoints would have stored them. */
  async fillIds(first: number, count: number, all: number): Promise<void> {
    const { sql } = this.ctx.storage;
    for (let at = first; at < first + count; at += HISTORY_ROW) {
      const keys = new Uint32Array(HISTORY_ROW * 3);
      const ids: string[] = [];
      const facts: unknown[] = [];
      for (let i = 0; i < HISTORY_ROW; i++) {
        const id = idOf(at + i);
        const { high, low } = hash64(id);
        keys.set([high, low, 1], i * 3);
        ids.push(id);
        facts.push([
          high,
          low,
          1,
          visitorOf(at + i),
          Date.now(),
          1,
          Date.now(),
          false,
          { fbp: "fb.1.1795221793000.884216" },
          null,
          "/products/1",
        ]);
      }
      const received = Date.now() - Math.round((1 - at / all) * 1_500 * MINUTE);
      const insert = "INSERT INTO history (first, count, received_at, keys, ids, facts) VALUES (?, ?, ?, ?, ?, ?)";
      sql.exec(insert, at, HISTORY_ROW, received, keys.buffer, JSON.stringify(ids), JSON.stringify(facts));
    }
  }

  async fillVisitors(count: number, events: number): Promise<void> {
    const { sql } = this.ctx.storage;
    const encoder = new TextEncoder();
    const now = Date.now();
    for (let at = 0; at < count; at += BLOB_RECORDS) {
      const keys: number[] = [];
      let body = "";
      for (let i = at; i < Math.min(count, at + BLOB_RECORDS); i++) {
        const { high, low } = hash64(visitorOf(i));
        keys.push(high, low, body.length);
        const opened = now - 60 * MINUTE;
        const page = { at: opened, page: "/products/1" };
        const session = {
          number: 1,
          opened,
          start: opened,
          end: now,
          events: 3,
          views: 2,
          actions: 1,
          stretches: [0, 9_000],
          entry: page,
          exit: page,
        };
        body += `${JSON.stringify({ anonymous_id: visitorOf(i), first_seen: opened, last_seen: now, last_number: 1, sessions: [session], vendor_ids: { fbp: "fb.1.1795221793000.884216", ga_client_id: "1071505751.1795221793" } })}\n`;
      }
      const insert = "INSERT INTO visitors (seen_from, seen_to, keys, body) VALUES (?, ?, ?, ?)";
      sql.exec(insert, now, now, Uint32Array.from(keys).buffer, encoder.encode(body).buffer as ArrayBuffer);
    }
    const state = { sessions: count, next: events + 1, unsaved: events + 1, closed_until: now - 48 * 60 * MINUTE };
    sql.exec("INSERT OR REPLACE INTO state (id, body) VALUES (1, ?)", JSON.stringify(state));
  }
}

const idOf = (n: number) =>
  `${n.toString(16).padStart(8, "0")}-bbbb-4ccc-8ddd-${(n * 7).toString(16).padStart(12, "0")}`;
const visitorOf = (n: number) => `${(n % 1_000_003).toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;

/** The batch that the processor would send for these events. */
function batchOf(events: BenchEvent[], delivery: string): ShardBatch {
  const now = Date.now();
  const parsed = events.map((one) => ({
    properties: {},
    event: one.type,
    received_at: new Date(now).toISOString(),
    ...one,
  })) as never[];
  return {
    events: parsed.map((event: Parameters<typeof visitOf>[0], i) => ({
      message_id: event.message_id,
      anonymous_id: event.anonymous_id,
      at: Date.parse(event.timestamp),
      delivery: `${delivery}:${i}`,
      vendor_ids: { fbp: "fb.1.1795221793000.884216", ga_client_id: "1071505751.1795221793" },
      visit: visitOf(event),
    })),
    lines: pack(
      parsed.map((event) => JSON.stringify({ source_id: "src_bench", event, receipt: { steps: [] } })).join("\n"),
    ),
    session_timeout_ms: 30 * MINUTE,
    now,
  };
}

/** `known`: how many of the events come from visitors whom the shard knew before, each of them another one. */
function batch(run: number, known: number, visitors: number): ShardBatch {
  const events = traffic(500, run).map((one, i) =>
    (i * 7) % 500 < known ? { ...one, anonymous_id: visitorOf((run * 1_543 + i * 617) % visitors) } : one,
  );
  return batchOf(events, `run-${run}`);
}

interface Env {
  VISITOR_SHARD: DurableObjectNamespace<VisitorShard>;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const given = (name: string) => Number(searchParams.get(name));
    const shard = env.VISITOR_SHARD.getByName("env_bench/s0");
    const timed = async (work: () => Promise<unknown>) => {
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
    switch (pathname) {
      case "/ids":
        await shard.fillIds(given("first"), given("count"), given("all"));
        return new Response();
      case "/visitors":
        await shard.fillVisitors(given("count"), given("ids"));
        return new Response();
      case "/end":
        await shard.end().catch(() => {});
        return new Response();
      case "/start":
        return Response.json({ ms: await timed(() => shard.nothing()), stats: await shard.stats() });
      case "/calls": {
        const empty: number[] = [];
        const kept: number[] = [];
        const full: number[] = [];
        for (let i = 0; i < given("calls"); i++) {
          const call = batch(given("from") + i, given("known"), given("visitors"));
          empty.push(await timed(() => shard.nothing()));
          kept.push(await timed(() => shard.keep(call)));
          full.push(await timed(() => shard.apply(call)));
        }
        return Response.json({ empty, kept, full, stats: await shard.stats() });
      }
      case "/duplicates": {
        const full: number[] = [];
        for (let i = 0; i < given("calls"); i++) {
          const events = traffic(500, 1).map((one, k) => ({
            ...one,
            message_id: idOf(1 + ((i * 977 + k * 19_997) % given("ids"))),
          }));
          const call = batchOf(events, `again-${i}`);
          full.push(await timed(() => shard.apply(call)));
        }
        return Response.json({ full });
      }
      case "/flush":
        return Response.json({ ms: await timed(() => shard.flush()), stats: await shard.stats() });
      default:
        return new Response(null, { status: 404 });
    }
  },
} satisfies ExportedHandler<Env>;
