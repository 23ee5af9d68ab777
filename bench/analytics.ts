/**
 * What the analyses cost: a million sessions with about five steps each, of 90 days, in the columns of eight shards, asked as
 * `VisitorShard.query` asks them, one shard after the other in one thread. DuckDB answers the same breakdown from the same sessions in the
 * same run, with one thread. BENCH_SESSIONS makes it smaller.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { evaluate } from "../core/analytics/evaluate.ts";
import { funnel, mergeFunnel } from "../core/analytics/funnel.ts";
import { merge } from "../core/analytics/merge.ts";
import { query } from "../core/analytics/query.ts";
import { scanOf } from "../core/analytics/scan.ts";
import {
  type AnalysedSession,
  columnsOf,
  Dictionaries,
  type SessionColumns,
} from "../core/analytics/session-columns.ts";
import type { Step } from "../core/analytics/session-facts.ts";
import { walkFunnel } from "../core/analytics/walk-funnel.ts";
import { machine } from "./workerd.ts";

const SESSIONS = Number(process.env.BENCH_SESSIONS ?? 1_000_000);
const VISITORS = Math.ceil(SESSIONS / 2.5);
const SHARDS = 8;
/** As session-analysis.ts puts them together. */
const BLOCK_SESSIONS = 4_096;
const ROUNDS = 21;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const FIRST = Date.parse("2026-08-23T00:00:00Z");
const DAYS = 90;
const LAST_30 = { from: "2026-10-22", to: "2026-11-20" };
const ALL = { from: "2026-08-23", to: "2026-11-20" };

const breakdown = { name: "sources", metrics: ["visitors", "sessions"], dimensions: ["source"] };
const filters = {
  and: [
    { dimension: "country", operator: "is", values: ["C1", "C2", "C3"] },
    { dimension: "device", operator: "is_not", values: ["tablet"] },
  ],
};
const traffic = ["visitors", "sessions", "page_views", "bounce_rate", "revenue"];
const dashboard = [
  { name: "total", metrics: [...traffic, "engaged_s", "new_visitors", "orders", "average_order"] },
  { name: "days", metrics: ["visitors", "page_views", "revenue"], interval: "day" },
  { name: "pages", metrics: ["visitors", "page_views"], dimensions: ["page"] },
  { name: "entries", metrics: ["visitors", "bounce_rate"], dimensions: ["entry"] },
  { name: "sources", metrics: traffic, dimensions: ["source"] },
  { name: "campaigns", metrics: traffic, dimensions: ["campaign"] },
  { name: "countries", metrics: traffic, dimensions: ["country"] },
  { name: "devices", metrics: ["visitors", "sessions"], dimensions: ["device", "browser"] },
  { name: "goal", metrics: ["conversions", "conversion_rate"], goal: { event: "Signed Up" } },
];
const checkout = funnel.parse({
  steps: [{ page: "/p0" }, { page: "/p1" }, { event: "Event 0" }, { event: "Signed Up" }, { event: "Order Completed" }],
});
const QUESTIONS = [
  { name: "a breakdown of 30 days, visitors exact", target_ms: 40, asked: { ...LAST_30, cards: [breakdown] } },
  { name: "the same with two filters", target_ms: 80, asked: { ...LAST_30, filter: filters, cards: [breakdown] } },
  { name: "nine cards of 30 days", target_ms: 150, asked: { ...LAST_30, cards: dashboard } },
  { name: "nine cards of 90 days", target_ms: 400, asked: { ...ALL, cards: dashboard } },
];
const FUNNEL_TARGET_MS = 300;

interface ShardColumns {
  dictionaries: Dictionaries;
  blocks: SessionColumns[];
}

export async function benchAnalytics(progress: (text: string) => void) {
  const duckdb = await duckDb();
  const shards: ShardColumns[] = [];
  let steps = 0;
  for (let s = 0; s < SHARDS; s++) {
    const dictionaries = new Dictionaries();
    const blocks: SessionColumns[] = [];
    for (const sessions of sessionsOf(s)) {
      for (const session of sessions) duckdb.add(session);
      blocks.push(columnsOf(sessions, dictionaries));
      steps += blocks.at(-1)!.stepAt.length;
    }
    shards.push({ dictionaries, blocks });
    progress(`analytics: shard ${s + 1} of ${SHARDS}`);
  }
  await duckdb.finish();
  const times = QUESTIONS.map((): number[] => []);
  const funnelTimes: number[] = [];
  const duckTimes: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    // In turns, so that a noisy machine is noisy for all; the first round warms up.
    for (const [q, { asked }] of QUESTIONS.entries()) {
      const started = performance.now();
      ask(shards, asked);
      if (round > 0) times[q]!.push(performance.now() - started);
    }
    const began = performance.now();
    askFunnel(shards);
    if (round > 0) funnelTimes.push(performance.now() - began);
    const started = performance.now();
    await duckdb.breakdown();
    if (round > 0) duckTimes.push(performance.now() - started);
  }
  const ours = ask(shards, QUESTIONS[0]!.asked)[0]!.rows.map(({ dimensions, metrics }) => [
    dimensions.source,
    metrics.sessions,
    metrics.visitors,
  ]);
  const theirs = await duckdb.breakdown();
  const sorted = (rows: unknown[][]) => JSON.stringify(rows.map((row) => row.map(String)).sort());
  if (sorted(ours) !== sorted(theirs)) throw new Error("DuckDB and the columns give different answers");
  return {
    benchmark: "analytics",
    machine: machine(),
    sessions: shards.reduce((sum, { blocks }) => sum + blocks.reduce((of, { count }) => of + count, 0), 0),
    steps,
    shards: SHARDS,
    rounds: ROUNDS,
    results: [
      ...QUESTIONS.map(({ name, target_ms }, q) => ({ name, ...spread(times[q]!), target_ms })),
      { name: "a funnel of five steps, 90 days", ...spread(funnelTimes), target_ms: FUNNEL_TARGET_MS },
    ],
    duckdb: spread(duckTimes),
    times_duckdb: Math.round((spread(times[0]!).p50_ms / spread(duckTimes).p50_ms) * 100) / 100,
  };
}

function ask(shards: ShardColumns[], asked: object) {
  const { time_zone, week_start, filter, cards, from, to } = query.parse(asked);
  const range = { from: Date.parse(from), to: Date.parse(to) + DAY };
  const scan = { range, time_zone, week_start, filter, cards };
  const parts = shards.map(({ blocks, dictionaries }) => evaluate(blocks, dictionaries, scanOf(scan)));
  return cards.map((card, c) =>
    merge(
      card,
      parts.map((part) => part[c]!),
    ),
  );
}

function askFunnel(shards: ShardColumns[]) {
  const range = { from: Date.parse(ALL.from), to: Date.parse(ALL.to) + DAY };
  const parts = shards.map(({ blocks, dictionaries }) => walkFunnel(blocks, dictionaries, checkout, range));
  const { total } = mergeFunnel(checkout.steps.length, parts);
  if (total.at(-1) === 0) throw new Error("nobody came to the end of the funnel: there was nothing to measure");
}

/** Blocks of a shard's sessions in order of time, as they are closed. */
function* sessionsOf(shard: number): Generator<AnalysedSession[]> {
  const random = generator(shard + 1);
  const seen = new Map<string, number>();
  const count = Math.ceil(SESSIONS / SHARDS);
  let block: AnalysedSession[] = [];
  for (let i = 0; i < count; i++) {
    block.push(session(FIRST + Math.floor((i / count) * DAYS * DAY), shard, random, seen));
    if (block.length < BLOCK_SESSIONS && i < count - 1) continue;
    yield block;
    block = [];
  }
}

function session(start: number, shard: number, random: () => number, seen: Map<string, number>): AnalysedSession {
  const few = (prefix: string, most: number) => `${prefix}${Math.floor(random() ** 3 * most)}`;
  const anonymous_id = `s${shard}-${Math.floor(random() * (VISITORS / SHARDS))}`;
  const number = (seen.get(anonymous_id) ?? 0) + 1;
  seen.set(anonymous_id, number);
  const steps: Step[] = [];
  let at = start;
  const count = 1 + Math.floor(random() * 9);
  for (let s = 0; s < count; s++) {
    const kind = random();
    if (kind < 0.7 || s === 0) steps.push({ at, kind: "page", name: few("/p", 500) });
    else if (kind < 0.97) steps.push({ at, kind: "event", name: few("Event ", 20) });
    else if (kind < 0.99) steps.push({ at, kind: "event", name: "Signed Up" });
    else steps.push({ at, kind: "order", name: "Order Completed", value: Math.floor(random() * 20_000) });
    at += Math.floor(random() * 3 * MINUTE);
  }
  const pages = steps.filter(({ kind }) => kind === "page");
  return {
    anonymous_id,
    number,
    start,
    end: steps.at(-1)!.at,
    events: steps.length,
    views: pages.length,
    engaged_s: Math.floor((steps.at(-1)!.at - start) / 1_000),
    is_bounce: steps.length === 1,
    entry: pages[0]!.name,
    exit: pages.at(-1)!.name,
    referrer: few("https://r", 200),
    seen: {
      host: "shop.example",
      country: few("C", 60),
      region: few("R", 300),
      city: few("City ", 2_000),
      device: ["desktop", "mobile", "tablet"][Math.floor(random() * 3)]!,
      browser: few("B", 8),
      os: few("O", 6),
    },
    traffic: { source: few("source", 40), medium: few("m", 6), campaign: few("c", 100), channel: few("ch", 10) },
    steps,
  };
}

/** The sessions as a table, visitors and times as numbers. */
async function duckDb() {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  await connection.run("CREATE TABLE sessions (visitor INTEGER, start BIGINT, source VARCHAR, country VARCHAR)");
  const appender = await connection.createAppender("sessions");
  const visitors = new Map<string, number>();
  return {
    add({ anonymous_id, start, traffic, seen }: AnalysedSession): void {
      let visitor = visitors.get(anonymous_id);
      if (visitor === undefined) {
        visitor = visitors.size;
        visitors.set(anonymous_id, visitor);
      }
      appender.appendInteger(visitor);
      appender.appendBigInt(BigInt(start));
      appender.appendVarchar(traffic!.source!);
      appender.appendVarchar(seen!.country!);
      appender.endRow();
    },
    async finish(): Promise<void> {
      appender.closeSync();
      visitors.clear();
    },
    async breakdown() {
      const from = Date.parse(LAST_30.from);
      const to = Date.parse(LAST_30.to) + DAY;
      const result = await connection.runAndReadAll(
        `SELECT source, count(*) AS sessions, count(DISTINCT visitor) AS visitors FROM sessions WHERE start >= ${from} AND start < ${to} GROUP BY source`,
      );
      return result.getRows();
    },
  };
}

function spread(times: number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1]! * 10) / 10;
  return { p50_ms: at(0.5), p95_ms: at(0.95) };
}

/** Mulberry32: numbers from 0 to 1, the same in every run. */
function generator(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
