/** Shards change their number while the processor works: the same events through shards that stay give the same. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gunzipSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { configKey, type Environment } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { firstShardMap, nextShardMap, type ShardMap, shardOf, shardsOf } from "../../core/shard-map.ts";
import type { ShardStats } from "../../durable-objects/visitor-shard.ts";
import { anEnvironment, anIntegration } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { forgetConfiguration } from "../config.ts";
import { followMap } from "../drive-moves.ts";
import { LANE_BINDINGS, type ProcessorEnv } from "../env.ts";
import { askVisitor } from "../visitor-shards.ts";
import processor from "./index.ts";

beforeEach(() => forgetConfiguration());
afterEach(() => void vi.restoreAllMocks());

const START = Date.now() - 12 * 3_600_000;
const VISITORS = 150;
/** At least so many; more come until both moves are over. */
const MESSAGES = 240;
const EVENTS_A_MESSAGE = 8;
/** Messages that wait at one time, as a queue under load has them. */
const BATCH = 12;

/** Some visitors with several sessions, some events twice. Nothing depends on the order in which messages come. */
function message(n: number): Event[] {
  return Array.from({ length: EVENTS_A_MESSAGE }, (_, i) => {
    const k = n * EVENTS_A_MESSAGE + i;
    const isCopy = k % 17 === 16;
    const of = isCopy ? k - 16 : k;
    const visitor = (of * 31) % VISITORS;
    // All of a visitor's events lie within a session, or over an hour apart.
    const session = Math.floor(of / VISITORS) % 3;
    const time = new Date(START + session * 2 * 3_600_000 + (of % 100) * 1_000).toISOString();
    return anEvent({
      message_id: `m-${of}`,
      anonymous_id: `visitor-${visitor}`,
      type: of % 3 ? "page" : "track",
      event: of % 3 ? "page" : "Clicked",
      context: { page: { path: `/${of % 5}` } },
      timestamp: time,
      received_at: time,
    });
  });
}

/** An environment of its own, whose deliveries are counted. */
function aPlatform(id: string, shards: number) {
  const delivered = new Map<string, number>();
  const lane = {
    sendBatch: async (messages: Iterable<{ body: string }>) => {
      for (const { body } of messages) {
        for (const { message_id } of JSON.parse(body).items)
          delivered.set(message_id, (delivered.get(message_id) ?? 0) + 1);
      }
    },
  };
  const processorEnv = {
    ...env,
    ...Object.fromEntries(LANE_BINDINGS.map((name) => [name, lane])),
    METRICS: { writeDataPoint: () => {} },
  } as unknown as ProcessorEnv;
  const maps = [firstShardMap(shards)];
  const publish = (shard_map: ShardMap) => {
    const environment: Environment = anEnvironment({
      id,
      shard_map,
      integrations: [
        anIntegration({ destination: "webhook", id: `int_${id}`, settings: { url: "https://x.example/" } }),
      ],
    });
    return env.CONFIG.put(configKey.environment(id), JSON.stringify(environment));
  };
  const consume = async (messages: Map<string, Event[]>, attempts: number) => {
    const batch = createMessageBatch(
      "raw-events",
      [...messages].map(([name, events]) => ({
        id: name,
        timestamp: new Date(),
        attempts,
        body: JSON.stringify({
          v: 1,
          environment_id: id,
          source_id: "src_test",
          received_at: events[0]!.received_at,
          request: {},
          vendor_ids: {},
          events,
        }),
      })),
    );
    await processor.queue(batch, processorEnv);
    const { retryMessages } = await getQueueResult(batch, createExecutionContext());
    return retryMessages.map(({ msgId }) => msgId);
  };
  const all = () => [...new Set(maps.flatMap(shardsOf))].map((name) => env.VISITOR_SHARD.getByName(`${id}/${name}`));
  return { id, maps, publish, consume, delivered, all };
}

async function totals({ all }: ReturnType<typeof aPlatform>) {
  const stats = await Promise.all(all().map((shard) => shard.stats()));
  const sum = (of: (stats: ShardStats) => number) => stats.reduce((total, one) => total + of(one), 0);
  return {
    events: sum((s) => s.events),
    visitors: sum((s) => s.visitors),
    sessions: sum((s) => s.sessions),
    duplicates: sum((s) => s.duplicates),
  };
}

async function lakeOf(platform: ReturnType<typeof aPlatform>): Promise<string[]> {
  for (const shard of platform.all()) await shard.flush();
  const { objects } = await env.LAKE.list({ prefix: `events/env=${platform.id}/` });
  const ids: string[] = [];
  for (const { key } of objects) {
    const file = await (await env.LAKE.get(key))!.arrayBuffer();
    const compressors = { GZIP: (data: Uint8Array) => gunzipSync(data) };
    for (const row of await parquetReadObjects({ file, columns: ["message_id"], compressors }))
      ids.push(row.message_id as string);
  }
  return ids.sort();
}

const sessionsOf = async (platform: ReturnType<typeof aPlatform>) => {
  const environment = { id: platform.id, shard_map: platform.maps[0]! };
  const all = await Promise.all(
    Array.from({ length: VISITORS }, (_, i) =>
      // By the oldest map: the shards lead on to where the visitor is.
      askVisitor(env.VISITOR_SHARD, environment, `visitor-${i}`, (shard) => shard.sessions(`visitor-${i}`)),
    ),
  );
  // The number of a session follows the order of discovery, which queues do not keep.
  return all.map((sessions) => sessions.map(({ id: _, number: __, ...session }) => session));
};

it("gives the same totals, sessions, lake and deliveries from 8 shards to 16 and back as without, under load", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const moving = aPlatform("env_under_load", 8);
  const still = aPlatform("env_at_rest", 8);
  await Promise.all([moving.publish(moving.maps[0]!), still.publish(still.maps[0]!)]);

  const waiting = new Map<string, { events: Event[]; attempts: number }>();
  let sent = 0;
  let retried = 0;
  let longest = 0;
  let isOver = false;
  for (let round = 0; !isOver || sent < MESSAGES || waiting.size > 0; round++) {
    if (round > 600) throw new Error("the moves, or messages, never come to their end");
    while (waiting.size < BATCH && (!isOver || sent < MESSAGES)) {
      waiting.set(`q-${sent}`, { events: message(sent), attempts: 1 });
      sent++;
    }
    // The shards' alarms come by the clock, which stands still here while there is always something to do.
    await scheduler.wait(5);
    const map = moving.maps.at(-1)!;
    const isSettled = await followMap(env.VISITOR_SHARD, moving.id, map);
    isOver = isSettled && moving.maps.length === 3;
    if (isSettled && !isOver && sent >= (MESSAGES / 4) * moving.maps.length) {
      moving.maps.push(nextShardMap(map, moving.maps.length === 1 ? 16 : 8));
      await moving.publish(moving.maps.at(-1)!);
    }
    // A processor's configuration is up to 30 seconds old: some of them work by the new map, most by what they know.
    if (round % 3 === 2) forgetConfiguration();
    const again = await moving.consume(new Map([...waiting].map(([name, { events }]) => [name, events])), 1);
    retried += again.length;
    for (const [name, one] of waiting) {
      if (again.includes(name)) longest = Math.max(longest, ++one.attempts);
      else waiting.delete(name);
    }
  }
  expect(moving.maps.map(({ shards }) => shards.length)).toEqual([8, 16, 8]);
  for (let n = 0; n < sent; n += BATCH) {
    const some = Array.from({ length: Math.min(BATCH, sent - n) }, (_, i) => [`q-${n + i}`, message(n + i)] as const);
    expect(await still.consume(new Map(some), 1)).toEqual([]);
  }

  const { duplicates, ...counted } = await totals(moving);
  const expected = await totals(still);
  expect(counted).toEqual({ events: expected.events, visitors: VISITORS, sessions: expected.sessions });
  // A message that is retried brings its duplicates once more.
  expect(duplicates).toBeGreaterThanOrEqual(expected.duplicates);
  expect(await sessionsOf(moving)).toEqual(await sessionsOf(still));
  const lake = await lakeOf(moving);
  expect(new Set(lake).size).toBe(lake.length);
  expect(lake).toEqual(await lakeOf(still));
  expect([...moving.delivered.keys()].sort()).toEqual([...still.delivered.keys()].sort());
  // A message that is retried may be delivered once more; vendors know it by its id. Few are, and none for long.
  expect(retried).toBeLessThan(sent);
  expect(longest).toBeLessThan(20);
  expect(shardOf(moving.maps[2]!, "visitor-0")).toBe(shardOf(moving.maps[0]!, "visitor-0"));
}, 120_000);
