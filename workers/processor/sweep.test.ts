import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { configKey } from "../../core/environment.ts";
import { identityRules } from "../../core/identity-rules.ts";
import { firstProfileShardMap, firstShardMap } from "../../core/shard-map.ts";
import { anEnvironment } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { forgetConfiguration } from "../config.ts";
import { sweepShards } from "./sweep.ts";

beforeEach(() => forgetConfiguration());
afterEach(() => vi.restoreAllMocks());

const MINUTE = 60_000;
const NOW = Date.parse("2026-11-20T10:00:00.000Z");

/** Published environments, each of three shards of visitors and two of people. */
async function environments(...ids: string[]) {
  for (const id of ids) {
    const environment = anEnvironment({
      id,
      shard_map: firstShardMap(3),
      profile_shard_map: firstProfileShardMap(2),
    });
    await env.CONFIG.put(configKey.environment(id), JSON.stringify(environment));
  }
}

/** All bindings, as if there were no environments but these: other tests leave many, and each has shards of its own to start. */
function onlyWith(...ids: string[]) {
  const keys = ids.map((id) => ({ name: configKey.environment(id) }));
  const list = async () => ({ keys, list_complete: true, cacheStatus: null });
  const CONFIG = { list, get: env.CONFIG.get.bind(env.CONFIG) } as unknown as KVNamespace;
  return { CONFIG, VISITOR_SHARD: env.VISITOR_SHARD, PROFILE_SHARD: env.PROFILE_SHARD };
}

/** An event that waits since so many minutes, in a shard that has lost its alarm. */
async function waiting(shard: string, minutes: number) {
  const stub = env.VISITOR_SHARD.getByName(shard);
  const event = anEvent();
  await stub.apply({
    events: [{ message_id: event.message_id, anonymous_id: "a1", at: NOW, delivery: event.message_id, vendor_ids: {} }],
    lines: [JSON.stringify({ source_id: "s", event, receipt: { steps: [] } })],
    session_timeout_ms: 30 * MINUTE,
    now: Date.now() - minutes * MINUTE,
  });
  await runInDurableObject(stub, (_, state) => state.storage.deleteAlarm());
  return stub;
}

/** The names of the shards that are asked, with an environment of stubs that are never late unless `tend` says so. */
function asking(tend: (name: string) => Promise<object> = async () => ({ rearmed: false })) {
  const asked: string[] = [];
  const shards = {
    getByName: (name: string) => ({
      tend: () => {
        asked.push(name);
        return tend(name);
      },
    }),
  };
  const visitors = shards as unknown as typeof env.VISITOR_SHARD;
  const people = shards as unknown as typeof env.PROFILE_SHARD;
  return { asked, env: { CONFIG: env.CONFIG, VISITOR_SHARD: visitors, PROFILE_SHARD: people } };
}

it("asks every shard of every environment once in an hour, and few in a minute", async () => {
  const ids = Array.from({ length: 40 }, (_, i) => `env_sweep_all_${i}`);
  await environments(...ids);
  const { asked, env: stubs } = asking();
  const given = { ...stubs, CONFIG: onlyWith(...ids).CONFIG };
  const each: number[] = [];
  for (let minute = 0; minute < 60; minute++) {
    const before = asked.length;
    await sweepShards(given, NOW + minute * MINUTE);
    each.push(asked.length - before);
  }
  const ours = asked.filter((name) => name.startsWith("env_sweep_all_")).sort();
  const shards = ["p0", "p1", "s0", "s1", "s2"];
  expect(ours).toEqual(ids.flatMap((id) => shards.map((shard) => `${id}/${shard}`)).sort());
  expect(Math.max(...each)).toBeLessThan(50);
});

it("wakes a shard whose events wait for over ten minutes, and lets the others be", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  await environments("env_sweep_late");
  const late = await waiting("env_sweep_late/s0", 11);
  const early = await waiting("env_sweep_late/s1", 9);
  const found: string[] = [];
  const bindings = onlyWith("env_sweep_late");
  for (let minute = 0; minute < 60; minute++) found.push(...(await sweepShards(bindings, NOW + minute * MINUTE)));
  expect(found).toEqual(["env_sweep_late/s0"]);
  await vi.waitFor(async () => {
    // The alarm is set to now: it may have run by itself.
    await runDurableObjectAlarm(late);
    expect(await late.stats()).toMatchObject({ waiting_events: 0, oldest_waiting_s: null });
  });
  expect((await early.stats()).waiting_events).toBe(1);
}, 20_000);

it("wakes a shard of people that lost its alarm, and lets one that has it be", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  await environments("env_sweep_people");
  const [lost, well] = ["p0", "p1"].map((shard) => env.PROFILE_SHARD.getByName(`env_sweep_people/${shard}`));
  for (const [n, shard] of [lost!, well!].entries()) {
    const said = { message_id: `m${n}`, source_id: "s", at: Date.now(), type: "track" as const, event: "Signed Up" };
    await shard.apply({
      events: [{ ...said, home: { kind: "user_id", value: `u${n}` }, edges: [] }],
      map: firstProfileShardMap(2),
      rules: identityRules.parse({}),
      computed: [],
      searchable: [],
      publishes: false,
      now: Date.now(),
    });
  }
  await runInDurableObject(lost!, (_, state) => state.storage.deleteAlarm());
  await evictDurableObject(lost!);
  const found: string[] = [];
  const bindings = onlyWith("env_sweep_people");
  for (let minute = 0; minute < 60; minute++) found.push(...(await sweepShards(bindings, NOW + minute * MINUTE)));
  expect(found).toEqual(["env_sweep_people/p0"]);
  expect(await runInDurableObject(lost!, (_, state) => state.storage.getAlarm())).toBeGreaterThan(Date.now());
});

it("asks the others where one shard fails and one environment cannot be read, and logs both", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  await environments("env_sweep_fails");
  await env.CONFIG.put(configKey.environment("env_sweep_broken"), "{}");
  const { asked, env: given } = asking(async (name) => {
    if (name.endsWith("fails/s1")) throw new Error("Durable Object is overloaded");
    return { rearmed: false };
  });
  for (let minute = 0; minute < 60; minute++) await sweepShards(given, NOW + minute * MINUTE);
  await env.CONFIG.delete(configKey.environment("env_sweep_broken"));
  expect(asked.filter((name) => name.startsWith("env_sweep_fails")).sort()).toEqual(
    ["p0", "p1", "s0", "s1", "s2"].map((shard) => `env_sweep_fails/${shard}`),
  );
  const logged = errors.mock.calls.map(([line]) => JSON.parse(line as string).shard);
  expect(logged).toEqual(expect.arrayContaining(["env_sweep_fails/s1", "env_sweep_broken"]));
});
