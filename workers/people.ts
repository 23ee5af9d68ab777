/**
 * People, over all the shards that hold a part of them: what the API and the processor ask. Whoever is looked for is named by an identifier
 * (`keyOf`: `user_id u1`) or by a person's id (`per_…`), also one that the person had before they were merged.
 */
import type { ComputedTrait, ComputedTraits } from "../core/computed-traits.ts";
import type { Environment } from "../core/environment.ts";
import { Cluster, type ClusterJson } from "../core/identity-cluster.ts";
import {
  type Cancellation,
  canonicalIn,
  edgeOf,
  type Identifier,
  identifierOf,
  keyOf,
  type Person,
  personIdOf,
  type Resolution,
} from "../core/identity-graph.ts";
import type { IdentityReason } from "../core/identity-rules.ts";
import { Profile, type ProfileJson, type ProfileView } from "../core/profile.ts";
import { HOMES } from "../core/profile-event.ts";
import { profileShardOf, shardsOf } from "../core/shard-map.ts";
import type { Scalar } from "../core/values.ts";
import {
  askOwner,
  askOwners,
  idOfKey,
  type ProfileShards,
  searchShards,
} from "../durable-objects/ask-profile-owners.ts";
import type { Found, ProfileShard, ProfileShardStats } from "../durable-objects/profile-shard.ts";
import { searchForm } from "../durable-objects/searchable-traits.ts";

export interface PeopleEnv {
  PROFILE_SHARD: DurableObjectNamespace<ProfileShard>;
}
type OfEnvironment = Pick<Environment, "id" | "profile_shard_map" | "profiles">;

export interface PersonView extends Omit<ProfileView, "traits"> {
  person_id: string;
  identifiers: (Identifier & { since?: string; confusable?: true })[];
  /** Ids that parts of this person had before. */
  merged_from: string[];
  traits: Record<string, unknown>;
  computed_traits: Record<string, { value: Scalar; at_least?: true }>;
  /** Links that join nobody, with the reason. */
  refused_links: {
    kind: string;
    between: [Identifier, Identifier];
    reason: IdentityReason;
    at: string;
    message_id: string;
  }[];
  /** Links that somebody undid. */
  cancelled_links: { kind: string; between: [Identifier, Identifier]; by: string; at: string; message_id: string }[];
}

/** Hops from one root to the next; each leads to one that comes before, so there are few. */
const MOST_HOPS = 32;
const PREFIX_LENGTH = 64;

export async function personBehind(
  env: PeopleEnv,
  environment: OfEnvironment,
  keyOrPersonId: string,
  now = Date.now(),
): Promise<PersonView | undefined> {
  const known = await lookUp(env, environment, keyOrPersonId);
  if (!known) return undefined;
  const { identifiers, resolution } = known;
  const parts = await partsOf(env, environment, known);
  if (!parts.length) return undefined;
  const profile = new Profile();
  for (const part of parts) profile.join(Profile.fromJSON(part));
  const mine = new Set(identifiers.map(keyOf));
  const isMine = ({ a, b }: { a: Identifier; b: Identifier }) => mine.has(keyOf(a)) || mine.has(keyOf(b));
  const describe = ({ edge }: Resolution["refused"][number] | Resolution["cancelled"][number]) => ({
    kind: edge.kind,
    between: [edge.a, edge.b] as [Identifier, Identifier],
    at: new Date(edge.at).toISOString(),
    message_id: edge.message_id,
  });
  return {
    person_id: known.personId,
    identifiers: identifiers.map(({ since, ...one }) => ({
      ...one,
      ...(since !== undefined && { since: new Date(since).toISOString() }),
    })),
    merged_from: known.person?.merged_from ?? [],
    ...profile.view(),
    computed_traits: readComputed(profile.computed, environment.profiles.computed_traits, now),
    refused_links: resolution.refused
      .filter(({ edge }) => isMine(edge))
      .map((one) => ({ ...describe(one), reason: one.reason })),
    cancelled_links: resolution.cancelled
      .filter(({ edge }) => isMine(edge))
      .map((one) => ({ ...describe(one), by: one.cancellation.by })),
  };
}

/** Somebody put together from all their parts, as segments judge them. */
export async function wholePerson(
  env: PeopleEnv,
  environment: OfEnvironment,
  keyOrPersonId: string,
): Promise<{ person_id: string; profile: Profile } | undefined> {
  const known = await lookUp(env, environment, keyOrPersonId);
  const parts = known ? await partsOf(env, environment, known) : [];
  if (!known || !parts.length) return undefined;
  const profile = new Profile();
  for (const part of parts) profile.join(Profile.fromJSON(part));
  return { person_id: known.personId, profile };
}

function readComputed(computed: ComputedTraits, declared: readonly ComputedTrait[], now: number) {
  const found: PersonView["computed_traits"] = {};
  for (const trait of declared) {
    const value = computed.read(trait, now);
    if (value) found[trait.name] = value;
  }
  return found;
}

interface Known {
  /** The identifier that was looked for, or that the id was made from. */
  key: string;
  root: string;
  personId: string;
  /** Of somebody with one identifier there is none. */
  person: Person | undefined;
  identifiers: (Identifier & { since?: number; confusable?: true })[];
  resolution: Resolution;
  /** A part that was found on the way. */
  part: string | undefined;
  cluster: Cluster | undefined;
}

const NOBODY: Resolution = { people: [], refused: [], cancelled: [], shared: [] };

/** Who somebody is, without their profile. */
export async function whoBehind(env: PeopleEnv, environment: OfEnvironment, keyOrPersonId: string) {
  const known = await lookUp(env, environment, keyOrPersonId);
  return known && { personId: known.personId, identifiers: known.identifiers, resolution: known.resolution };
}

/** Follows pointers to the cluster, and reads it. Undefined where nothing is known of whoever that is, or nothing more. */
async function lookUp(env: PeopleEnv, environment: OfEnvironment, keyOrPersonId: string): Promise<Known | undefined> {
  const shards = shardsIn(env, environment);
  const first = await askOwner(shards, keyOrPersonId, "find", keyOrPersonId);
  if (first.root === undefined && first.cluster === undefined && first.part === undefined) return undefined;
  let found: Found = first;
  let root = first.root ?? first.key;
  for (let hops = 0; found.root !== undefined; hops++) {
    if (hops === MOST_HOPS) throw new Error(`the pointers of ${first.key} do not end`);
    root = found.root;
    found = await askOwner(shards, root, "find", root);
  }
  const own = identifierOf(first.key);
  const cluster = found.cluster === undefined ? undefined : Cluster.fromJSON(JSON.parse(found.cluster) as ClusterJson);
  const resolution = cluster?.resolve(environment.profiles.identity) ?? NOBODY;
  const person = resolution.people.find(({ identifiers }) => identifiers.some((one) => keyOf(one) === first.key));
  return {
    key: first.key,
    root,
    personId: personIdOf(canonicalIn(resolution, own)),
    person,
    identifiers: person ? [...person.identifiers] : [own],
    resolution,
    part: first.part,
    cluster,
  };
}

async function partsOf(
  env: PeopleEnv,
  environment: OfEnvironment,
  { key, part, identifiers }: Known,
): Promise<ProfileJson[]> {
  const homes = identifiers.filter(({ kind }) => (HOMES as readonly string[]).includes(kind)).map(keyOf);
  const wanted = homes.filter((home) => !(home === key && part));
  const found: string[] = [];
  await askOwners(
    shardsIn(env, environment),
    "parts",
    wanted,
    (keys) => [keys],
    (parts) => found.push(...parts),
  );
  return [...(part && homes.includes(key) ? [part] : []), ...found].map((json) => JSON.parse(json) as ProfileJson);
}

export interface SearchHit {
  person_id: string;
  /** What matched. */
  matched: string;
  identifiers: Identifier[];
  traits: Record<string, unknown>;
}

/** People one of whose searchable traits begins with `text`, in the order of what matched, and where to go on. */
export async function searchPeople(
  env: PeopleEnv,
  environment: OfEnvironment,
  text: string,
  limit: number,
  cursor?: { value: string; home: string },
): Promise<{ people: SearchHit[]; next?: { value: string; home: string } }> {
  const prefix = searchForm(text).slice(0, PREFIX_LENGTH);
  if (!prefix) return { people: [] };
  const hits = await searchShards(shardsIn(env, environment), prefix, limit + 1, cursor);
  const page = hits.slice(0, limit);
  const people = new Map<string, SearchHit>();
  const views = await Promise.all(page.map(({ home }) => personBehind(env, environment, home)));
  views.forEach((view, i) => {
    if (!view || people.has(view.person_id)) return;
    const { person_id, identifiers, traits } = view;
    people.set(person_id, {
      person_id,
      matched: page[i]!.value,
      identifiers: identifiers.map(({ kind, value }) => ({ kind, value })),
      traits,
    });
  });
  return { people: [...people.values()], ...(hits.length > limit && { next: page.at(-1)! }) };
}

export type Undone = { ok: true } | { ok: false; reason: IdentityReason | "not_found" | "same_person" };

/** Says that two people are one, whoever they are. Undone by `unmerge` with the answer's `message_id`. */
export async function mergePeople(
  env: PeopleEnv,
  environment: OfEnvironment,
  one: string,
  other: string,
  by: string,
  now = Date.now(),
): Promise<(Undone & { ok: false }) | { ok: true; message_id: string; person_id: string }> {
  const [a, b] = await Promise.all([lookUp(env, environment, one), lookUp(env, environment, other)]);
  if (!a || !b) return { ok: false, reason: "not_found" };
  if (a.personId === b.personId) return { ok: false, reason: "same_person" };
  const message_id = `merge:${crypto.randomUUID()}`;
  const ends = [a, b].map(({ resolution, key }) => canonicalIn(resolution, identifierOf(key)));
  const edge = edgeOf("merge", ends[0]!, ends[1]!, { at: now, message_id, source_id: by });
  const home = keyOf(ends[0]!);
  const shard = `${environment.id}/${profileShardOf(environment.profile_shard_map, idOfKey(home))}`;
  const { refused } = await env.PROFILE_SHARD.getByName(shard).link([edge], home, {
    map: environment.profile_shard_map,
    rules: environment.profiles.identity,
    now,
  });
  if (refused.length) return { ok: false, reason: refused[0]! };
  const merged = await lookUp(env, environment, home);
  return { ok: true, message_id, person_id: merged?.personId ?? a.personId };
}

/**
 * Undoes links: of one message, of a pair, or of everything that an identifier is linked with (a split). Profiles come back as they were,
 * because they were never put together.
 */
export async function undoLinks(
  env: PeopleEnv,
  environment: OfEnvironment,
  who: string,
  cancellation: Cancellation,
): Promise<Undone> {
  const known = await lookUp(env, environment, who);
  if (!known) return { ok: false, reason: "not_found" };
  let root = known.root;
  for (let hops = 0; hops < MOST_HOPS; hops++) {
    const done = await askOwner(shardsIn(env, environment), root, "cancel", root, cancellation);
    if (!("moved" in done)) return done;
    root = done.moved;
  }
  throw new Error(`the pointers of ${who} do not end`);
}

/**
 * Forgets a person: parts, links, and what search found them by. What was said until `at` does not bring them back. Answers with their
 * identifiers, for whoever else keeps something of theirs.
 */
export async function erasePerson(
  env: PeopleEnv,
  environment: OfEnvironment,
  who: string,
  at = Date.now(),
): Promise<{ person_id: string; identifiers: Identifier[] } | undefined> {
  const known = await lookUp(env, environment, who);
  if (!known) return undefined;
  const keys = known.identifiers.map(keyOf);
  const shards = shardsIn(env, environment);
  await askOwners(
    shards,
    "erase",
    keys,
    (own) => [own, at],
    () => {},
  );
  let root = known.root;
  for (let hops = 0; hops < MOST_HOPS; hops++) {
    const done = await askOwner(shards, root, "forgetLinks", root, keys);
    if (!("moved" in done)) break;
    root = done.moved;
  }
  return { person_id: known.personId, identifiers: known.identifiers.map(({ kind, value }) => ({ kind, value })) };
}

/** Everything that is kept of a person, as it is kept. */
export async function exportPerson(env: PeopleEnv, environment: OfEnvironment, who: string) {
  const known = await lookUp(env, environment, who);
  if (!known) return undefined;
  const [view, parts] = await Promise.all([personBehind(env, environment, who), partsOf(env, environment, known)]);
  const mine = new Set(known.identifiers.map(keyOf));
  const links = known.cluster?.edges().filter(({ a, b }) => mine.has(keyOf(a)) || mine.has(keyOf(b))) ?? [];
  return { profile: view, links, parts };
}

export async function profileShardStats(
  env: PeopleEnv,
  environment: OfEnvironment,
): Promise<(ProfileShardStats & { shard: string })[]> {
  return Promise.all(
    shardsOf(environment.profile_shard_map).map(async (shard) => ({
      shard,
      ...(await env.PROFILE_SHARD.getByName(`${environment.id}/${shard}`).stats()),
    })),
  );
}

function shardsIn(env: PeopleEnv, environment: OfEnvironment): ProfileShards {
  return { environmentId: environment.id, namespace: env.PROFILE_SHARD, map: environment.profile_shard_map };
}
