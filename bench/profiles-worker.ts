/**
 * Profile shards, unchanged, behind what a benchmark asks of them: people through the real `apply`, as the processor would bring them, and
 * reads through the same functions as the API's. Times are the caller's.
 */
import type { Environment } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { personIdOf } from "../core/identity-graph.ts";
import { type ProfileEvent, profileEventOf } from "../core/profile-event.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstProfileShardMap, profileShardOf } from "../core/shard-map.ts";
import { type PeopleEnv, personBehind, profileShardStats, searchPeople } from "../workers/people.ts";

export { ProfileShard } from "../durable-objects/profile-shard.ts";

const environment = {
  id: "env_bench",
  profile_shard_map: firstProfileShardMap(8),
  profiles: profileSettings.parse({
    computed_traits: [
      { name: "orders", kind: "count", event: "Order Completed" },
      { name: "spent_90_days", kind: "sum", event: "Order Completed", property: "total", window_days: 90 },
    ],
  }),
} satisfies Pick<Environment, "id" | "profile_shard_map" | "profiles">;

/** The syllables of names: 24³ × 24 first and last names, so that a prefix of two letters finds thousands and one of six a few. */
const SYLLABLES = "an be ca do el fi ga ho in jo ka li ma ne or pa qui ro sa te ul va wi yo".split(" ");
const word = (n: number, length: number) =>
  Array.from({ length }, (_, k) => SYLLABLES[Math.floor(n / SYLLABLES.length ** k) % SYLLABLES.length]).join("");
/** Spreads a running number, so that neighbours have nothing in common. */
const scatter = (n: number) => Math.imul(n + 1, 0x9e3779b1) >>> 0;

function traitsOf(person: number): Record<string, unknown> {
  const first_name = word(scatter(person), 2);
  const last_name = word(scatter(person) >>> 8, 3);
  return { first_name, last_name, email: emailOf(person), plan: person % 3 ? "free" : "pro" };
}
const emailOf = (person: number) => `${word(scatter(person), 2)}.${person}@shop.example`;
const visitorOf = (person: number, device: number) => `${(person * 16 + device).toString(16).padStart(12, "0")}-bench`;

interface Said {
  person: number;
  device: number;
  number: number;
  kind: "identify" | "page" | "order";
}

function eventOf({ person, device, number, kind }: Said, at: number): Event {
  const time = new Date(at).toISOString();
  return {
    message_id: `bench-${number}`,
    anonymous_id: visitorOf(person, device),
    user_id: `user-${person}`,
    type: kind === "order" ? "track" : kind,
    event: kind === "order" ? "Order Completed" : kind,
    properties: kind === "order" ? { total: 10 + (number % 90) } : {},
    ...(kind === "identify" && { traits: traitsOf(person) }),
    context: { page: { url: `https://shop.example/products/${number % 100}` } },
    timestamp: time,
    received_at: time,
  };
}

async function apply(env: PeopleEnv, events: Event[], now: number): Promise<void> {
  const { profile_shard_map: map, profiles } = environment;
  const shards = new Map<string, ProfileEvent[]>();
  for (const event of events) {
    const found = profileEventOf(event, "src_bench", profiles.identity, profiles.computed_traits)!;
    const shard = profileShardOf(map, personIdOf(found.home));
    const known = shards.get(shard);
    if (known) known.push(found);
    else shards.set(shard, [found]);
  }
  await Promise.all(
    [...shards].map(async ([shard, own]) => {
      await env.PROFILE_SHARD.getByName(`${environment.id}/${shard}`).apply({
        events: own,
        map,
        rules: profiles.identity,
        computed: profiles.computed_traits,
        searchable: profiles.searchable_traits,
        publishes: false,
        now,
      });
    }),
  );
}

/**
 * Events of people who are logged in, as one batch of the processor holds them: sessions of eight, an identify first, of which a batch gets one
 * event each. A third of the sessions is somebody new, a third a known person in a new browser, a third one in a known browser.
 */
function visits(batch: number, sessions: number, people: number): Said[] {
  const group = Math.floor(batch / 8);
  const step = batch % 8;
  return Array.from({ length: sessions }, (_, k): Said => {
    const n = group * sessions + k;
    const kind = n % 3;
    return {
      person: kind === 0 ? people + n : scatter(n) % people,
      device: kind === 1 ? 1 + (group % 15) : 0,
      number: people + batch * sessions + k,
      kind: step === 0 ? "identify" : step === 7 && n % 4 === 0 ? "order" : "page",
    };
  });
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const given = (name: string) => Number(searchParams.get(name));
    const timed = async (work: () => Promise<unknown>) => {
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
    const now = Date.now();
    switch (pathname) {
      case "/people": {
        const all = Array.from({ length: given("count") }, (_, i) =>
          eventOf({ person: given("from") + i, device: 0, number: given("from") + i, kind: "identify" }, now),
        );
        return Response.json({ ms: await timed(() => apply(env, all, now)) });
      }
      case "/batch": {
        const said = visits(given("batch"), given("sessions"), given("people"));
        const ms = await timed(() =>
          apply(
            env,
            said.map((one) => eventOf(one, now)),
            now,
          ),
        );
        return Response.json({ ms });
      }
      case "/read": {
        const person = scatter(given("n")) % given("people");
        const user = { kind: "user_id" as const, value: `user-${person}` };
        const who = [`user_id ${user.value}`, personIdOf(user), `anonymous_id ${visitorOf(person, 0)}`][
          given("n") % 3
        ]!;
        const found = await personBehind(env, environment, who, now);
        return Response.json(
          { found: found?.traits.email === emailOf(person), identifiers: found?.identifiers.length },
          { status: found ? 200 : 404 },
        );
      }
      case "/search": {
        const person = scatter(given("n")) % given("people");
        const written = given("n") % 2 ? emailOf(person) : word(scatter(person) >>> 8, 3);
        const text = written.slice(0, 2 + (given("n") % 7));
        const { people } = await searchPeople(env, environment, text, 20);
        return Response.json({ text, found: people.length });
      }
      case "/stats": {
        const all = await profileShardStats(env, environment);
        const sum = (of: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0);
        return Response.json({
          parts: sum((one) => one.parts),
          records: sum((one) => one.records),
          index_bytes: sum((one) => one.index_bytes),
          storage_bytes: sum((one) => one.storage_bytes),
          rows_written: sum((one) => one.rows_written),
        });
      }
      default:
        return new Response(null, { status: 404 });
    }
  },
} satisfies ExportedHandler<PeopleEnv>;
