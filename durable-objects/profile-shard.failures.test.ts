import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Environment } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { keyOf, personIdOf } from "../core/identity-graph.ts";
import { profileEventOf } from "../core/profile-event.ts";
import { firstProfileShardMap, profileShardOf } from "../core/shard-map.ts";
import { anEnvironment } from "../test/an-environment.ts";
import { anEvent } from "../test/an-event.ts";
import { erasePerson, mergePeople, personBehind } from "../workers/people.ts";
import type { ProfileShard } from "./profile-shard.ts";

let made = 0;
const newEnvironment = () =>
  anEnvironment({ id: `env_failures_${++made}`, profile_shard_map: firstProfileShardMap(8) });
const minute = (n: number) => new Date(Date.parse("2026-11-20T10:00:00.000Z") + n * 60_000).toISOString();
const said = (n: number, event: Partial<Event>) =>
  anEvent({ message_id: `m${n}`, type: "identify", timestamp: minute(n), received_at: minute(n), ...event });

/** Two people with browsers and addresses, who turn out to be one. */
const story = [
  said(0, { user_id: "u1", anonymous_id: "a1", traits: { email: "one@shop.example" } }),
  said(1, { user_id: "u2", anonymous_id: "a2", traits: { email: "two@shop.example", phone: "+32470000001" } }),
  said(2, { anonymous_id: "a3", traits: { email: "one@shop.example" } }),
  said(3, { type: "alias", user_id: "u2", anonymous_id: "a2", previous_id: "u1" }),
  said(4, { user_id: "u1", anonymous_id: "a4", traits: { name: "Ann" } }),
];

async function apply({ id, profile_shard_map: map, profiles }: Environment, event: Event) {
  const found = profileEventOf(event, "src_test", profiles.identity, [])!;
  const [answer] = await env.PROFILE_SHARD.getByName(`${id}/${profileShardOf(map, personIdOf(found.home))}`).apply({
    events: [found],
    map,
    rules: profiles.identity,
    computed: [],
    searchable: [],
    publishes: true,
    now: Date.parse(minute(5)),
  });
  return answer!;
}

/** Counts the calls from shard to shard, and fails one of them: before it arrives, or after it was carried out. */
async function failing({ id, profile_shard_map }: Environment, at: number, when: "before" | "after") {
  const count = { calls: 0 };
  for (const shard of profile_shard_map.shards) {
    await runInDurableObject(env.PROFILE_SHARD.getByName(`${id}/${shard}`), (instance: ProfileShard) => {
      const { PROFILE_SHARD } = Reflect.get(instance, "env") as typeof env;
      const getByName = (name: string) =>
        new Proxy(PROFILE_SHARD.getByName(name), {
          get:
            (stub, method: "find") =>
            async (...given: unknown[]) => {
              const isIt = count.calls++ === at;
              if (isIt && when === "before") throw new Error("Network connection lost.");
              const answer = await (stub[method] as (...given: unknown[]) => Promise<unknown>)(...given);
              if (isIt) throw new Error("Network connection lost.");
              return answer;
            },
        });
      Object.defineProperty(instance, "env", { value: { PROFILE_SHARD: { getByName } }, configurable: true });
    });
  }
  return count;
}

async function peopleOf(environment: Environment) {
  const keys = ["user_id u1", "user_id u2", "anonymous_id a1", "anonymous_id a3", "anonymous_id a4"];
  const people = await Promise.all(keys.map((key) => personBehind(env, environment, key)));
  return people.map((person) => person && { ...person, identifiers: person.identifiers.map(keyOf).sort() });
}

describe("a call from shard to shard that fails", () => {
  it.each(["before", "after"] as const)(
    "%s it was carried out changes nothing, once the event came again",
    async (when) => {
      const well = newEnvironment();
      const count = await failing(well, -1, when);
      for (const event of story) await apply(well, event);
      const { calls } = count;
      const expected = await peopleOf(well);
      expect(expected[0]?.identifiers).toHaveLength(9);
      expect(calls).toBeGreaterThan(5);
      for (let at = 0; at < calls; at++) {
        const environment = newEnvironment();
        await failing(environment, at, when);
        let failures = 0;
        for (const event of story) {
          await apply(environment, event).catch(async () => {
            failures++;
            await apply(environment, event);
          });
        }
        expect({ at, failures, people: await peopleOf(environment) }).toEqual({ at, failures: 1, people: expected });
      }
    },
  );
});

it("links a browser by when it was said first, whichever event of the hour comes first", async () => {
  const events = [
    said(20, { user_id: "u1", anonymous_id: "a1" }),
    said(5, { user_id: "u1", anonymous_id: "a1" }),
    said(10, { user_id: "u2", anonymous_id: "a1" }),
  ].map((event, n) => ({ ...event, message_id: `shared${n}` }));
  for (const order of [
    [0, 1, 2],
    [1, 2, 0],
    [2, 0, 1],
  ]) {
    const environment = newEnvironment();
    for (const n of order) await apply(environment, events[n]!);
    const person = await personBehind(env, environment, "anonymous_id a1");
    expect(person?.person_id).toBe(personIdOf({ kind: "user_id", value: "u1" }));
  }
});

it("links whoever comes back within the hour in which they were deleted", async () => {
  const environment = newEnvironment();
  const [first, again] = [
    said(0, { user_id: "u1", anonymous_id: "a1" }),
    said(2, { user_id: "u1", anonymous_id: "a1" }),
  ];
  await apply(environment, first);
  await erasePerson(env, environment, "user_id u1", Date.parse(minute(1)));
  expect(await personBehind(env, environment, "anonymous_id a1")).toBeUndefined();
  await apply(environment, again);
  for (const shard of environment.profile_shard_map.shards)
    await evictDurableObject(env.PROFILE_SHARD.getByName(`${environment.id}/${shard}`)).catch(() => {});
  const person = await personBehind(env, environment, "anonymous_id a1");
  expect(person?.identifiers.map(keyOf).sort()).toEqual(["anonymous_id a1", "user_id u1"]);
  expect(person?.events).toBe(1);
});

it("keeps a merge by hand when the shard is evicted right after", async () => {
  const environment = anEnvironment({ id: `env_failures_${++made}`, profile_shard_map: firstProfileShardMap(1) });
  for (const [n, user_id] of ["u1", "u2"].entries())
    await apply(environment, said(n, { user_id, anonymous_id: user_id, traits: { name: user_id } }));
  expect(await mergePeople(env, environment, "user_id u1", "user_id u2", "ann")).toMatchObject({ ok: true });
  await evictDurableObject(env.PROFILE_SHARD.getByName(`${environment.id}/p0`));
  const person = await personBehind(env, environment, "user_id u2");
  expect(person?.identifiers.map(keyOf)).toEqual(["user_id u1", "user_id u2"]);
});
