/**
 * Asks the shards of people wherever what is asked for is, also while shards hand people to each other or the asker's map is an old one. Who
 * has given an identifier away tells to whom; one that is just on the way is asked for again.
 */
import { type BucketRanges, each } from "../core/buckets.ts";
import { identifierOf, personIdOf } from "../core/identity-graph.ts";
import { BUCKETS, profileShardOf, type ShardMap, shardsOf } from "../core/shard-map.ts";
import type { ProfileShard } from "./profile-shard.ts";

/** What may be asked of a shard by identifier. All of it is decided at once, and may be asked twice. */
export type Question =
  | "find"
  | "parts"
  | "claim"
  | "extend"
  | "clusterOf"
  | "absorb"
  | "leave"
  | "cancel"
  | "forgetLinks"
  | "erase";
type Parameter<Q extends Question> = Parameters<ProfileShard[Q]>;
export type AnswerTo<Q extends Question> = Awaited<ReturnType<ProfileShard[Q]>>;

/** Where each of the identifiers is, where one of them is not here; null: on its way. */
export type Asked<T> = { is_here: true; answer: T } | { is_here: false; shards: (string | null)[] };

/** The shards of an environment, and where somebody believes that everything is. */
export interface ProfileShards {
  environmentId: string;
  namespace: DurableObjectNamespace<ProfileShard>;
  map: ShardMap;
}

/** From one shard to the next, or to the same one again. */
const MOST_HOPS = 8;
/** An identifier that is just on the way from one shard to another is there within this time, or soon after. */
const ON_THE_WAY_MS = 250;

/** What the shard answers that has this identifier (`keyOf`) or person's id. Throws where it is on the way for too long. */
export async function askOwner<Q extends Question>(
  shards: ProfileShards,
  key: string,
  question: Q,
  ...args: Parameter<Q>
): Promise<AnswerTo<Q>> {
  let answer: { of: AnswerTo<Q> } | undefined;
  await askOwners(
    shards,
    question,
    [key],
    () => args,
    (of) => {
      answer = { of };
    },
  );
  return answer!.of;
}

/** One call for each shard that has some of these, at best. `onAnswer` is called with what was answered of which. */
export async function askOwners<Q extends Question>(
  shards: ProfileShards,
  question: Q,
  keys: string[],
  argsFor: (keys: string[], indices: number[]) => Parameter<Q>,
  onAnswer: (answer: AnswerTo<Q>, indices: number[]) => void,
): Promise<void> {
  const left = await followOwners(
    shards,
    keys.map((key, i) => ({ i, key, personId: idOfKey(key) })),
    async (shard, asked) => {
      const own = asked.map(({ key }) => key);
      const indices = asked.map(({ i }) => i);
      // Stubs know nothing of what a generic method returns.
      const told = (await shard.ask(question, argsFor(own, indices) as never, own, shards.map)) as Asked<AnswerTo<Q>>;
      if (!told.is_here) return told.shards;
      onAnswer(told.answer, indices);
      return [];
    },
  );
  if (left.length) throw onTheWay(shards);
}

/**
 * Asks for things shard by shard. `ask` answers where each of them is that this shard does not have: `undefined` for one that is done. Returns what is
 * on the way for too long.
 */
export async function followOwners<T extends { personId: string }>(
  { namespace, environmentId, map }: ProfileShards,
  things: T[],
  ask: (shard: DurableObjectStub<ProfileShard>, things: T[]) => Promise<(string | null | undefined)[]>,
): Promise<T[]> {
  let open = things.map((thing) => ({ thing, shard: profileShardOf(map, thing.personId) }));
  for (let hop = 0; hop < MOST_HOPS && open.length; hop++) {
    let isWaiting = false;
    const groups = Map.groupBy(open, ({ shard }) => shard);
    const next = await Promise.all(
      [...groups].map(async ([shard, all]) => {
        const own = all.map(({ thing }) => thing);
        const places = await ask(namespace.getByName(`${environmentId}/${shard}`), own);
        return own.flatMap((thing, i) => {
          const place = places[i];
          if (place === undefined) return [];
          isWaiting ||= place === null;
          return [{ thing, shard: place ?? shard }];
        });
      }),
    );
    open = next.flat();
    if (isWaiting) await scheduler.wait(ON_THE_WAY_MS);
  }
  return open.map(({ thing }) => thing);
}

export interface Hit {
  value: string;
  home: string;
}

/**
 * What search finds in all shards, in order, each once; at most `limit`. Every shard tells for which buckets it answered: while some of them were
 * nobody's, or were not asked for where they are, it is asked again.
 */
export async function searchShards(
  { namespace, environmentId, map: known }: ProfileShards,
  prefix: string,
  limit: number,
  after?: Hit,
): Promise<Hit[]> {
  let map = known;
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    const answers = await Promise.all(
      shardsOf(map).map((shard) => namespace.getByName(`${environmentId}/${shard}`).search(prefix, limit, after, map)),
    );
    if (new Set(answers.flatMap(({ buckets }) => [...each(buckets as BucketRanges)])).size === BUCKETS) {
      // A bucket that went from one shard to the other between two answers is in both.
      const hits = new Map(answers.flatMap((answer) => answer.hits.map((hit) => [`${hit.value}\n${hit.home}`, hit])));
      return [...hits.values()].sort(inOrder).slice(0, limit);
    }
    const newest = answers.reduce<ShardMap>((best, answer) => (answer.map.epoch > best.epoch ? answer.map : best), map);
    if (newest.epoch === map.epoch) await scheduler.wait(ON_THE_WAY_MS);
    map = newest;
  }
  throw onTheWay({ environmentId });
}

function inOrder(x: Hit, y: Hit): number {
  return x.value < y.value ? -1 : x.value > y.value ? 1 : x.home < y.home ? -1 : 1;
}

export function onTheWay({ environmentId }: Pick<ProfileShards, "environmentId">): Error {
  return new Error(`people are being moved between shards of ${environmentId}`);
}

export function idOfKey(keyOrPersonId: string): string {
  return keyOrPersonId.startsWith("per_") ? keyOrPersonId : personIdOf(identifierOf(keyOrPersonId));
}
