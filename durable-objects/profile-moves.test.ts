/** People go from shard to shard while their events come: the same people come out as where nothing moves. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Environment } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { personIdOf } from "../core/identity-graph.ts";
import { type ProfileEvent, profileEventOf } from "../core/profile-event.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstProfileShardMap, nextShardMap, type ShardMap, shardsOf } from "../core/shard-map.ts";
import { anEnvironment } from "../test/an-environment.ts";
import { anEvent } from "../test/an-event.ts";
import { COMPUTED, peopleByRules, someEvents } from "../test/people-by-rules.ts";
import { erasePerson, exportPerson, mergePeople, personBehind, searchPeople, undoLinks } from "../workers/people.ts";
import { followOwners, searchShards } from "./ask-profile-owners.ts";
import type { ProfileAnswer, ProfileShard, ProfileShardStats } from "./profile-shard.ts";

/** A step that fails is logged, and taken again. */
beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
afterEach(() => void vi.restoreAllMocks());

/** Of late: what is remembered of events goes with their 26 hours. */
const NOW = Date.now();
const EARLIER = new Date(NOW - 2 * 3_600_000).toISOString();
const RULES = { ...profileSettings.parse({}), computed_traits: COMPUTED };
let made = 0;

/** One environment whose shards change their number. */
function aMovingEnvironment(shards: number) {
  const id = `env_people_moves_${made++}`;
  const maps = [firstProfileShardMap(shards)];
  const newest = () => maps.at(-1)!;
  const shard = (name: string) => env.PROFILE_SHARD.getByName(`${id}/${name}`);
  const all = () => [...new Set(maps.flatMap(shardsOf))];
  /** As somebody has it who last read the configuration when that map was the newest. */
  const environment = (map = newest()): Environment => anEnvironment({ id, profile_shard_map: map, profiles: RULES });

  /** As the processor does. Throws where somebody is on the way for too long. */
  async function apply(events: Event[], map = newest()): Promise<ProfileAnswer[]> {
    const found = events.flatMap((event) => profileEventOf(event, "src_test", RULES.identity, COMPUTED) ?? []);
    const answers = new Map<ProfileEvent, ProfileAnswer>();
    const things = found.map((event) => ({ event, personId: personIdOf(event.home) }));
    const left = await followOwners(
      { environmentId: id, namespace: env.PROFILE_SHARD, map },
      things,
      async (to, own) => {
        const given = await to.apply({
          events: own.map(({ event }) => event),
          map,
          rules: RULES.identity,
          computed: COMPUTED,
          searchable: [],
          publishes: true,
          now: NOW,
        });
        return own.map(({ event }, i) => {
          const answer = given[i]!;
          if (answer.verdict === "elsewhere") return answer.shard;
          answers.set(event, answer);
          return undefined;
        });
      },
    );
    if (left.length) throw new Error("on the way for too long");
    return found.map((event) => answers.get(event)!);
  }

  async function advance(): Promise<void> {
    for (const name of newest().shards) await runDurableObjectAlarm(shard(name));
  }

  async function isSettled(): Promise<boolean> {
    const told = await Promise.all(newest().shards.map((name) => shard(name).follow(newest())));
    return told.every(({ settled }) => settled);
  }

  async function finish(): Promise<void> {
    for (let i = 0; !(await isSettled()); i++) {
      if (i > 100) throw new Error("the move does not end");
      await advance();
    }
  }

  async function evictAll(): Promise<void> {
    for (const name of all()) {
      await shard(name).stats(); // only what runs can be evicted
      await evictDurableObject(shard(name));
    }
  }

  /** Fails so many of the calls from shard to shard, beginning with the nth: before they arrive, or after they were carried out. */
  async function fail(nth: number, when: "before" | "after", times = 1): Promise<void> {
    let calls = 0;
    for (const name of all()) {
      await runInDurableObject(shard(name), (instance: ProfileShard) => {
        const getByName = (to: string) =>
          new Proxy(env.PROFILE_SHARD.getByName(to), {
            get:
              (stub, method: "ask") =>
              async (...given: unknown[]) => {
                const call = calls++ - nth;
                const isIt = call >= 0 && call < times;
                if (isIt && when === "before") throw new Error("Network connection lost.");
                const answer = await (stub[method] as (...given: unknown[]) => Promise<unknown>)(...given);
                if (isIt) throw new Error("Network connection lost.");
                return answer;
              },
          });
        Object.defineProperty(instance, "env", { value: { PROFILE_SHARD: { getByName } }, configurable: true });
      });
    }
  }

  async function totals() {
    const stats: ProfileShardStats[] = await Promise.all(all().map((name) => shard(name).stats()));
    const sum = (of: (stats: ProfileShardStats) => number) => stats.reduce((total, one) => total + of(one), 0);
    return {
      parts: sum((s) => s.parts),
      clusters: sum((s) => s.clusters),
      records: sum((s) => s.records),
      events: sum((s) => s.events),
      redelivered: sum((s) => s.redelivered),
      found_by: (
        await Promise.all(
          all().map((name) =>
            runInDurableObject(
              shard(name),
              (_, state) => state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM search").one().n,
            ),
          ),
        )
      ).reduce((a, b) => a + b, 0),
    };
  }

  return {
    id,
    maps,
    newest,
    shard,
    environment,
    apply,
    advance,
    isSettled,
    finish,
    evictAll,
    fail,
    totals,
    move(count: number): ShardMap {
      maps.push(nextShardMap(newest(), count, "p"));
      return newest();
    },
  };
}

/** Whoever search finds, page by page, as often as it does. */
async function everybody(environment: Environment, text: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: { value: string; home: string } | undefined;
  do {
    const { people, next } = await searchPeople(env, environment, text, 20, cursor);
    found.push(...people.map(({ matched }) => matched));
    cursor = next;
  } while (cursor);
  return found;
}

/** People with a browser and an address each. */
const identify = (n: number, more: Partial<Event> = {}) =>
  anEvent({
    type: "identify",
    message_id: `m-${n}`,
    user_id: `u${n}`,
    anonymous_id: `d${n}`,
    traits: { email: `Person${n}@shop.example` },
    timestamp: EARLIER,
    received_at: EARLIER,
    ...more,
  });
const count = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("people are those of the pure rules", () => {
  it("whatever comes, fails and is evicted while 1 shard becomes 3, 8 and 2", async () => {
    await fc.assert(
      fc.asyncProperty(someEvents(NOW, 24), fc.infiniteStream(fc.nat(99)), async (events, chances) => {
        const chance = () => chances.next().value as number;
        const moving = aMovingEnvironment(1);
        const counts = [3, 8, 2];
        const deliver = async (batch: Event[]) => {
          for (let tries = 0; ; tries++) {
            // Most processors have read the newest configuration; some an old one.
            const map = chance() < 60 ? moving.newest() : moving.maps[chance() % moving.maps.length]!;
            try {
              return await moving.apply(batch, map);
            } catch (error) {
              if (tries > 20) throw error;
              await moving.advance();
            }
          }
        };
        for (let from = 0; from < events.length; ) {
          const size = 1 + (chance() % 4);
          const batch = events.slice(from, from + size);
          from += size;
          const what = chance();
          if (what < 25 && counts.length && (await moving.isSettled())) {
            const map = moving.move(counts.shift()!);
            if (chance() < 50) await moving.shard(map.shards[chance() % map.shards.length]!).follow(map);
          } else if (what < 50) await runDurableObjectAlarm(moving.shard(moving.newest().shards.at(-1)!));
          if (chance() < 25) await moving.fail(chance() % 12, chance() < 50 ? "before" : "after", 1 + (chance() % 2));
          await deliver(batch);
          if (chance() < 20) await moving.evictAll();
          // The queue brings it again: now, and once more much later.
          if (chance() < 25) await deliver(batch);
          if (chance() < 25) await deliver(events.slice(0, from));
        }
        while (counts.length) {
          await moving.finish();
          moving.move(counts.shift()!);
          await deliver(events.slice(0, 3));
        }
        await moving.finish();
        await moving.evictAll();
        await deliver(events);

        for (const map of [moving.newest(), moving.maps[0]!]) {
          const environment = moving.environment(map);
          const { keys, people, idOf } = peopleByRules(environment, events);
          for (const key of keys) {
            const view = await personBehind(env, environment, key, NOW);
            expect([key, view?.person_id]).toEqual([key, idOf(key)]);
            const {
              person_id: _,
              identifiers: __,
              merged_from: ___,
              computed_traits: ____,
              refused_links: _____,
              cancelled_links: ______,
              ...profile
            } = view!;
            expect(profile).toEqual(JSON.parse(JSON.stringify(people.get(idOf(key))!.view())));
          }
          for (const address of ["x@", "y@", "z@"]) {
            const found = (await searchPeople(env, environment, address, 50)).people.map(({ person_id }) => person_id);
            expect(new Set(found).size).toBe(found.length);
          }
        }
      }),
      { numRuns: 25, seed: 20261125 },
    );
  }, 240_000);
});

describe("a move", () => {
  it.each([
    [8, 16],
    [16, 8],
    [3, 5],
    [4, 1],
  ])(
    "from %i to %i shards keeps totals and finds everybody once at every moment",
    async (from, to) => {
      const moving = aMovingEnvironment(from);
      const first = moving.environment();
      await moving.apply(count(120).map((n) => identify(n)));
      const before = await moving.totals();
      expect(before).toMatchObject({ parts: 120, events: 120, found_by: 120 });
      const expected = (await everybody(first, "person")).toSorted();
      expect(expected.length).toBe(120);

      moving.move(to);
      for (let i = 0; !(await moving.isSettled()); i++) {
        expect(i).toBeLessThan(60);
        // By the new map and by the old one.
        expect((await everybody(i % 2 ? moving.environment() : first, "person")).toSorted()).toEqual(expected);
        await runDurableObjectAlarm(moving.shard(moving.newest().shards[i % to]!));
      }
      expect(await moving.totals()).toEqual(before);
      await moving.evictAll();
      expect((await moving.totals()).records).toBe(before.records);
      for (const environment of [first, moving.environment()])
        expect((await everybody(environment, "person")).toSorted()).toEqual(expected);
      for (const name of moving.newest().shards)
        expect(await moving.shard(name).stats()).toMatchObject({ moves: [], is_giving: false });
    },
    120_000,
  );

  it("adds an event once that comes again during the move and after it, and answers the same", async () => {
    const moving = aMovingEnvironment(2);
    const events = count(30).map((n) => identify(n));
    const added = await moving.apply(events);
    const again = added.map((answer) => ({ ...answer, verdict: "redelivered" }));
    const old = moving.newest();
    moving.move(5);
    for (let i = 0; !(await moving.isSettled()); i++) {
      expect(await moving.apply(events, i % 2 ? old : moving.newest())).toEqual(again);
      await moving.advance();
    }
    await moving.evictAll();
    expect(await moving.apply(events)).toEqual(again);
    moving.move(2);
    await moving.finish();
    expect(await moving.apply(events, old)).toEqual(again);
    for (const n of count(30))
      expect((await personBehind(env, moving.environment(), `user_id u${n}`, NOW))!.events).toBe(1);
  }, 60_000);

  it("that stands still answers from where people are, and has those who ask wait while they are nowhere", async () => {
    const moving = aMovingEnvironment(1);
    await moving.apply(count(20).map((n) => identify(n)));
    moving.move(2);
    const stateOf = async () => (await moving.shard("p1").stats()).moves[0]?.state;
    // The first call copies all there is, the second would take it.
    await moving.fail(1, "before");
    await moving.shard("p1").follow(moving.newest());
    await runDurableObjectAlarm(moving.shard("p1"));
    expect(await stateOf()).toBe("taking");
    // Of the copy that is old nobody hears.
    const later = new Date(NOW - 3_600_000).toISOString();
    const changed = (n: number, email: string) =>
      identify(n, {
        message_id: `${email}-${n}`,
        traits: { email: `${email}${n}@shop.example` },
        timestamp: later,
        received_at: later,
      });
    await moving.apply(
      count(20).map((n) => changed(n, "Changed")),
      moving.maps[0],
    );
    const shards = { environmentId: moving.id, namespace: env.PROFILE_SHARD, map: moving.newest() };
    expect(await searchShards(shards, "person", 50)).toEqual([]);
    expect(await searchShards(shards, "changed", 50)).toHaveLength(20);
    expect(await stateOf()).toBe("taking");

    // Now it is taken, and the answer is lost.
    await moving.fail(0, "after");
    await runDurableObjectAlarm(moving.shard("p1"));
    expect(await stateOf()).toBe("taking");
    const asked = Promise.all([
      everybody(moving.environment(), "changed"),
      moving.apply(count(20).map((n) => identify(n))),
      moving.apply(count(20).map((n) => identify(n, { message_id: `new-${n}` }))),
      personBehind(env, moving.environment(moving.maps[0]!), "user_id u3", NOW),
    ]);
    await scheduler.wait(100);
    await moving.finish();
    const [hits, again, fresh, person] = await asked;
    expect(hits).toHaveLength(20);
    expect(again.map(({ verdict }) => verdict)).toEqual(again.map(() => "redelivered"));
    expect(fresh.map(({ verdict }) => verdict)).toEqual(fresh.map(() => "added"));
    expect(person).toMatchObject({ traits: { email: "Changed3@shop.example" } });
    for (const n of count(20))
      expect((await personBehind(env, moving.environment(), `user_id u${n}`, NOW))!.events).toBe(3);
    expect(await moving.totals()).toMatchObject({ parts: 20, events: 60, redelivered: 20, found_by: 20 });
  }, 30_000);

  it("takes along events that were remembered before their bucket was", async () => {
    const moving = aMovingEnvironment(1);
    const events = count(10).map((n) => identify(n));
    await moving.apply(events);
    await runInDurableObject(moving.shard("p0"), (_, { storage: { sql } }) => {
      for (const { first, body } of sql
        .exec<{ first: number; body: string }>("SELECT first, body FROM seen")
        .toArray()) {
        const old = (JSON.parse(body) as unknown[][]).map((event) => event.slice(0, 2));
        sql.exec("UPDATE seen SET body = ? WHERE first = ?", JSON.stringify(old), first);
      }
    });
    await moving.evictAll();
    moving.move(3);
    await moving.finish();
    expect((await moving.apply(events)).map(({ verdict }) => verdict)).toEqual(events.map(() => "redelivered"));
  });

  it("goes on page after page, and people who come and change meanwhile arrive as they are", async () => {
    const moving = aMovingEnvironment(1);
    const people = 280;
    const large = (n: number) => Object.fromEntries(count(30).map((k) => [`trait_${k}`, `${n} `.repeat(250)]));
    for (const n of count(people / 10)) {
      const ten = count(10).map((k) => 10 * n + k);
      await moving.apply(ten.map((n) => identify(n, { traits: large(n) })));
    }
    moving.move(2);
    const cursor = null;
    const request = {
      map: moving.newest(),
      to: "p1",
      buckets: [[0, 1_024]] as [number, number][],
      cursor,
      take: false,
    };
    expect(await moving.shard("p0").handOver(request)).toMatchObject({ outcome: "page", done: false });
    let rounds = 0;
    for (; !(await moving.isSettled()); rounds++) {
      const changed = { message_id: `changed-${rounds}`, traits: { plan: `p${rounds}` } };
      await moving.apply([
        identify(people + rounds),
        ...count(20)
          .map((n) => identify(n, changed))
          .slice(rounds, rounds + 1),
      ]);
      await runDurableObjectAlarm(moving.shard("p1"));
    }
    expect(rounds).toBeGreaterThan(0);
    await moving.evictAll();
    const traitsOf = async (n: number) =>
      (await personBehind(env, moving.environment(), `user_id u${n}`, NOW))!.traits as Record<string, unknown>;
    const asText = (traits: object) => JSON.stringify(Object.entries(traits).toSorted());
    for (const n of [rounds, 37, people - 1]) expect(asText(await traitsOf(n)) === asText(large(n))).toBe(true);
    for (const n of count(rounds)) {
      expect((await traitsOf(n)).plan).toBe(`p${n}`);
      expect((await traitsOf(people + n)).email).toBe(`Person${people + n}@shop.example`);
    }
    expect(await moving.totals()).toMatchObject({ parts: people + rounds, found_by: rounds });
  }, 120_000);
});

it("merges, undoes, exports and deletes people in the middle of a move, by any map", async () => {
  const moving = aMovingEnvironment(2);
  const old = moving.environment();
  await moving.apply(count(24).map((n) => identify(n)));
  moving.move(4);
  // Some shards have what is theirs, others have not begun.
  await moving.shard(moving.newest().shards[1]!).follow(moving.newest());
  await runDurableObjectAlarm(moving.shard(moving.newest().shards[1]!));
  for (const environment of [old, moving.environment()]) {
    const at = environment === old ? 0 : 12;
    for (let n = at; n < at + 6; n += 2) {
      const [one, other] = [`user_id u${n}`, `user_id u${n + 1}`];
      const merged = await mergePeople(env, environment, one, other, "ann", NOW);
      expect(merged).toMatchObject({ ok: true });
      expect(await personBehind(env, environment, one, NOW)).toMatchObject({ events: 2 });
      const { message_id } = merged as { message_id: string };
      expect(await undoLinks(env, environment, other, { target: { message_id }, at: NOW, by: "ann" })).toEqual({
        ok: true,
      });
      expect(await personBehind(env, environment, other, NOW)).toMatchObject({ events: 1 });
      expect((await exportPerson(env, environment, one))!.parts).toHaveLength(1);
      expect(await erasePerson(env, environment, one, NOW)).toBeDefined();
    }
  }
  await moving.finish();
  await moving.evictAll();
  const gone = [0, 2, 4, 12, 14, 16];
  for (const n of count(24)) {
    const view = await personBehind(env, moving.environment(), `user_id u${n}`, NOW);
    if (gone.includes(n)) expect(view).toBeUndefined();
    else expect(view).toMatchObject({ events: 1, identifiers: expect.any(Array) });
    expect((await everybody(moving.environment(), `person${n}@`)).length).toBe(gone.includes(n) ? 0 : 1);
  }
  // What was said before comes again, by a processor with the oldest map.
  const late = await moving.apply(
    gone.map((n) => identify(n, { message_id: `late-${n}` })),
    moving.maps[0],
  );
  expect(late).toEqual(gone.map(() => ({ verdict: "deleted" })));
}, 60_000);
