import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Environment } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { keyOf, personIdOf } from "../core/identity-graph.ts";
import { type ProfileEvent, profileEventOf } from "../core/profile-event.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstProfileShardMap, profileShardOf } from "../core/shard-map.ts";
import { anEnvironment } from "../test/an-environment.ts";
import { anEvent } from "../test/an-event.ts";
import { COMPUTED, peopleByRules, someEvents } from "../test/people-by-rules.ts";
import {
  erasePerson,
  exportPerson,
  mergePeople,
  personBehind,
  profileShardStats,
  searchPeople,
  undoLinks,
} from "../workers/people.ts";
import type { ProfileAnswer } from "./profile-shard.ts";

let made = 0;
const environmentWith = (shards: number, profiles: Partial<Environment["profiles"]> = {}) =>
  anEnvironment({
    id: `env_people_${++made}`,
    profile_shard_map: firstProfileShardMap(shards),
    profiles: { ...profileSettings.parse({}), ...profiles },
  });

const NOW = Date.parse("2026-11-20T12:00:00.000Z");

/** Of an event of somebody deleted there is the verdict alone. */
type Answer = Extract<ProfileAnswer, { person_id: string }>;

/** Sends events as the processor does: one call for each shard. */
async function apply(environment: Environment, events: Event[], now = NOW): Promise<Answer[]> {
  const { profile_shard_map: map, profiles } = environment;
  const found = events.flatMap(
    (event) => profileEventOf(event, "src_test", profiles.identity, profiles.computed_traits) ?? [],
  );
  const shards = Map.groupBy(found, ({ home }) => profileShardOf(map, personIdOf(home)));
  const answers = new Map<ProfileEvent, ProfileAnswer>();
  for (const [shard, own] of shards) {
    const given = await env.PROFILE_SHARD.getByName(`${environment.id}/${shard}`).apply({
      events: own,
      map,
      rules: profiles.identity,
      computed: profiles.computed_traits,
      searchable: profiles.searchable_traits,
      publishes: true,
      now,
    });
    for (const [i, event] of own.entries()) answers.set(event, given[i]!);
  }
  return found.map((event) => answers.get(event) as Answer);
}

async function evictAll({ id, profile_shard_map }: Environment): Promise<void> {
  for (const shard of profile_shard_map.shards) {
    const stub = env.PROFILE_SHARD.getByName(`${id}/${shard}`);
    await stub.stats(); // only what runs can be evicted
    await evictDurableObject(stub);
  }
}

const identify = (user_id: string | undefined, traits: Record<string, unknown>, more: Partial<Event> = {}) =>
  anEvent({ type: "identify", ...(user_id !== undefined && { user_id }), traits, ...more });

describe("the same people come out as by the pure rules over all events at once", () => {
  it.each([1, 3, 8])(
    "whatever the order, the batches, the repeats and the evictions, over %i shards",
    async (shards) => {
      await fc.assert(
        fc.asyncProperty(
          someEvents(NOW),
          fc.infiniteStream(fc.integer({ min: 0, max: 6 })),
          async (events, chances) => {
            const environment = environmentWith(shards, { computed_traits: COMPUTED });
            const sent: Event[][] = [];
            let batch: Event[] = [];
            for (const event of events) {
              batch.push(event);
              const chance = chances.next().value as number;
              if (chance < 3) {
                sent.push(batch);
                batch = [];
              }
            }
            if (batch.length) sent.push(batch);
            for (const one of sent) {
              await apply(environment, one);
              const chance = chances.next().value as number;
              if (chance === 0) await evictAll(environment);
              if (chance === 1) await apply(environment, one); // the queue brings it again
            }
            await evictAll(environment);
            const { keys, people, idOf } = peopleByRules(environment, events);
            for (const key of keys) {
              const view = await personBehind(env, environment, key, NOW);
              expect([key, view?.person_id]).toEqual([key, idOf(key)]);
              const {
                person_id: _,
                identifiers,
                merged_from,
                computed_traits,
                refused_links,
                cancelled_links,
                ...profile
              } = view!;
              expect(profile).toEqual(JSON.parse(JSON.stringify(people.get(idOf(key))!.view())));
            }
          },
        ),
        { numRuns: 40, seed: 20261125 },
      );
    },
    120_000,
  );
});

describe("a person", () => {
  it("is found by every identifier and by the ids that their parts had before", async () => {
    const environment = environmentWith(4);
    await apply(environment, [
      identify(undefined, { email: "ann@shop.example" }, { anonymous_id: "device-1" }),
      identify("ann", { email: "ann@shop.example", plan: "pro" }, { anonymous_id: "device-2" }),
    ]);
    const view = await personBehind(env, environment, "user_id ann", NOW);
    expect(view).toMatchObject({ traits: { email: "ann@shop.example", plan: "pro" }, events: 2 });
    const ids = [...view!.identifiers.map(keyOf), view!.person_id, ...view!.merged_from];
    expect(ids.length).toBeGreaterThanOrEqual(8);
    for (const id of ids) expect((await personBehind(env, environment, id, NOW))?.person_id).toBe(view!.person_id);
    expect(await personBehind(env, environment, "user_id nobody", NOW)).toBeUndefined();
    expect(await personBehind(env, environment, `per_${"0".repeat(24)}`, NOW)).toBeUndefined();
  });

  it("of a shared device is two people, and the refusal can be seen", async () => {
    const environment = environmentWith(3);
    await apply(environment, [
      identify("ann", {}, { anonymous_id: "tablet" }),
      identify("bob", {}, { anonymous_id: "tablet" }),
    ]);
    const [ann, bob] = await Promise.all(
      ["user_id ann", "user_id bob"].map((key) => personBehind(env, environment, key, NOW)),
    );
    expect(ann!.person_id).not.toBe(bob!.person_id);
    expect(bob!.refused_links).toMatchObject([{ reason: "two_people" }]);
  });

  it("is merged by hand and comes apart again, each profile as it was", async () => {
    const environment = environmentWith(8);
    await apply(environment, [
      identify("ann", { plan: "free" }),
      identify("bob", { plan: "pro" }, { anonymous_id: "b" }),
    ]);
    const before = await Promise.all(
      ["user_id ann", "user_id bob"].map((key) => personBehind(env, environment, key, NOW)),
    );

    const merged = await mergePeople(env, environment, "user_id ann", "user_id bob", "someone@shop.example", NOW);
    expect(merged).toMatchObject({ ok: true });
    const [one, other] = await Promise.all(
      ["user_id ann", "user_id bob"].map((key) => personBehind(env, environment, key, NOW)),
    );
    expect(one).toEqual(other);
    expect(one).toMatchObject({ events: 2, traits: { plan: "pro" } });
    expect(await mergePeople(env, environment, "user_id ann", "user_id bob", "x", NOW)).toEqual({
      ok: false,
      reason: "same_person",
    });

    const { message_id } = merged as { message_id: string };
    await undoLinks(env, environment, "user_id bob", {
      target: { message_id },
      at: NOW + 1,
      by: "someone@shop.example",
    });
    const after = await Promise.all(
      ["user_id ann", "user_id bob"].map((key) => personBehind(env, environment, key, NOW)),
    );
    expect(after.map((view) => ({ ...view, cancelled_links: [] }))).toEqual(before);
    expect(after[0]!.cancelled_links).toMatchObject([{ by: "someone@shop.example", message_id }]);
  });

  it("is split from one identifier", async () => {
    const environment = environmentWith(2);
    await apply(environment, [
      identify("ann", { email: "family@shop.example" }),
      identify("ann", {}, { anonymous_id: "tablet" }),
    ]);
    await undoLinks(env, environment, "user_id ann", {
      target: { identifier: { kind: "anonymous_id", value: "tablet" } },
      at: NOW,
      by: "x",
    });
    const view = await personBehind(env, environment, "user_id ann", NOW);
    expect(view!.identifiers.map(({ kind, value }) => (kind === "email" ? kind : value))).toEqual([
      "ann",
      "a1",
      "email",
    ]);
  });

  it("who was deleted does not come back by a late event, and begins afresh with a new one", async () => {
    const environment = environmentWith(4);
    const at = (time: string) => ({ timestamp: time, received_at: time });
    await apply(environment, [
      identify("ann", { email: "ann@shop.example", plan: "pro" }, at("2026-11-20T10:00:00.000Z")),
    ]);
    const gone = await erasePerson(env, environment, "user_id ann", Date.parse("2026-11-20T11:00:00.000Z"));
    expect(gone!.identifiers.map(({ kind }) => kind)).toEqual(["user_id", "anonymous_id", "email"]);
    expect(await personBehind(env, environment, "user_id ann", NOW)).toBeUndefined();
    expect(await searchPeople(env, environment, "ann@", 10)).toEqual({ people: [] });

    const [late] = await apply(environment, [identify("ann", { plan: "late" }, at("2026-11-20T10:30:00.000Z"))]);
    expect(late).toEqual({ verdict: "deleted" });
    await evictAll(environment);
    expect(await personBehind(env, environment, "user_id ann", NOW)).toBeUndefined();

    await apply(environment, [identify("ann", { plan: "new" }, at("2026-11-20T11:30:00.000Z"))]);
    expect(await personBehind(env, environment, "user_id ann", NOW)).toMatchObject({
      events: 1,
      traits: { plan: "new" },
    });
  });

  it("is exported whole: profile, links and parts", async () => {
    const environment = environmentWith(2);
    await apply(environment, [identify("ann", { email: "ann@shop.example" })]);
    const exported = await exportPerson(env, environment, "user_id ann");
    expect(exported).toMatchObject({ profile: { traits: { email: "ann@shop.example" } }, parts: [{ events: 1 }] });
    expect(exported!.links.length).toBe(2);
  });
});

describe("search", () => {
  it("finds people by the beginning of a name or an address, without regard to case, page by page", async () => {
    const environment = environmentWith(3, { searchable_traits: ["loyalty_card"] });
    await apply(
      environment,
      Array.from({ length: 25 }, (_, n) =>
        identify(
          `u${n}`,
          { first_name: n % 2 ? "Änne" : "Bob", email: `Person${n}@Shop.example`, loyalty_card: `LC-${n}` },
          { anonymous_id: `d${n}` },
        ),
      ),
    );
    const seen: string[] = [];
    let cursor: { value: string; home: string } | undefined;
    do {
      const { people, next } = await searchPeople(env, environment, "person", 10, cursor);
      seen.push(...people.map(({ matched }) => matched));
      cursor = next;
    } while (cursor);
    expect(seen.length).toBe(25);
    expect(seen).toEqual(seen.toSorted());
    expect((await searchPeople(env, environment, "ÄNN", 50)).people.length).toBe(12);
    expect((await searchPeople(env, environment, "lc-7", 50)).people).toMatchObject([
      { traits: { loyalty_card: "LC-7" } },
    ]);
    expect((await searchPeople(env, environment, "%", 50)).people).toEqual([]);
  });

  it("goes by what a trait is now", async () => {
    const environment = environmentWith(2);
    const at = (time: string) => ({ timestamp: time, received_at: time });
    await apply(environment, [identify("ann", { first_name: "Anna" }, at("2026-11-20T10:00:00.000Z"))]);
    await apply(environment, [identify("ann", { first_name: "Berta" }, at("2026-11-20T10:01:00.000Z"))]);
    expect((await searchPeople(env, environment, "anna", 5)).people).toEqual([]);
    expect((await searchPeople(env, environment, "berta", 5)).people.length).toBe(1);
  });
});

describe("changes", () => {
  it("are told once for each event, and the same when it is redelivered", async () => {
    const environment = environmentWith(4);
    const first = identify("ann", { plan: "pro" });
    const [created] = await apply(environment, [first]);
    const [again] = await apply(environment, [first]);
    expect(created).toMatchObject({ verdict: "added", changes: ["created"] });
    expect(again).toMatchObject({ verdict: "redelivered", changes: ["created"] });
    const [updated] = await apply(environment, [identify("ann", { plan: "free" })]);
    expect(updated).toMatchObject({ changes: ["updated"] });
    const [seen] = await apply(environment, [anEvent({ type: "page", user_id: "ann" })]);
    expect(seen).toMatchObject({ changes: [] });
  });

  it("say of an alias between two people that they were merged", async () => {
    const environment = environmentWith(8);
    await apply(environment, [identify("ann", { plan: "pro" }), identify("anna", {}, { anonymous_id: "other" })]);
    const [alias] = await apply(environment, [
      anEvent({ type: "alias", user_id: "anna", previous_id: "ann", anonymous_id: "other" }),
    ]);
    expect(alias!.changes).toContain("merged");
    expect((await personBehind(env, environment, "user_id anna", NOW))!.traits).toEqual({ plan: "pro" });
  });
});

describe("what is too much", () => {
  it("is refused or left out with its reason, and the shard goes on", async () => {
    const environment = environmentWith(2);
    const answers = await apply(environment, [
      ...Array.from({ length: 3_000 }, (_, n) =>
        anEvent({ type: "page", user_id: "kiosk", anonymous_id: `device-${n}` }),
      ),
      identify("many", Object.fromEntries(Array.from({ length: 1_900 }, (_, n) => [`trait_${n}`, n]))),
    ]);
    expect(answers.filter(({ refused }) => refused?.includes("cluster_full")).length).toBeGreaterThan(900);
    const [one] = await profileShardStats(env, environment).then((all) =>
      all.filter(({ refused }) => refused.cluster_full),
    );
    expect(one!.refused.cluster_full).toBeGreaterThan(900);
    const kiosk = await personBehind(env, environment, "user_id kiosk", NOW);
    expect(kiosk!.identifiers.length).toBeLessThanOrEqual(101);
    expect(kiosk!.refused_links.some(({ reason }) => reason === "too_many_ids")).toBe(true);
    const many = await personBehind(env, environment, "user_id many", NOW);
    expect(Object.keys(many!.traits).length).toBe(1_000);
    expect(many!.refused).toEqual([{ reason: "too_many_traits" }]);
  }, 60_000);

  it("a circle of aliases is one person", async () => {
    const environment = environmentWith(8);
    const ring = ["r1", "r2", "r3", "r4"];
    for (const [n, user_id] of ring.entries()) {
      await apply(environment, [
        anEvent({ type: "alias", user_id, previous_id: ring[(n + 1) % 4]!, anonymous_id: user_id }),
      ]);
    }
    const ids = await Promise.all(
      ring.map(async (one) => (await personBehind(env, environment, `user_id ${one}`, NOW))!.person_id),
    );
    expect(new Set(ids).size).toBe(1);
  });
});
