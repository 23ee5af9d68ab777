/** Whom a segment includes at this moment, over all shards: counted exactly, and listed in the order of their ids. */
import { each } from "../core/buckets.ts";
import type { Environment } from "../core/environment.ts";
import { compileSegment } from "../core/segments/compile.ts";
import { type Condition, segmentsIn } from "../core/segments/definition.ts";
import { surroundingsOf } from "../core/segments/published.ts";
import { BUCKETS, type ShardMap, shardsOf } from "../core/shard-map.ts";
import { onTheWay } from "../durable-objects/ask-profile-owners.ts";
import { FirstIds, type Scanned } from "../durable-objects/segment-scan.ts";
import { type PeopleEnv, wholePerson } from "./people.ts";

export interface SegmentPeople {
  /** All people that there are. */
  people: number;
  count: number;
  /** At most `limit`, behind `after`. */
  person_ids: string[];
}

const MOST_HOPS = 8;
const ON_THE_WAY_MS = 250;
/** People with parts in several places are put together so many at a time. */
const AT_ONCE = 20;

/** `definition` compiles in this environment. Throws where people are just moving between shards for too long. */
export async function peopleOfSegment(
  env: PeopleEnv,
  environment: Environment,
  definition: Condition,
  { limit, after = "", now = Date.now() }: { limit: number; after?: string | undefined; now?: number },
): Promise<SegmentPeople> {
  const surroundings = surroundingsOf(environment);
  const compiled = compileSegment(definition, surroundings);
  if (!compiled.ok) throw new Error(compiled.reason);
  const others: Record<string, Condition> = {};
  const collect = (ids: string[]) => {
    for (const id of ids) {
      if (Object.hasOwn(others, id)) continue;
      others[id] = surroundings.segment(id)!;
      collect(segmentsIn(others[id]));
    }
  };
  collect(segmentsIn(definition));
  const { computed_traits, identity: rules } = environment.profiles;
  const answers = await scanAll(env, environment, { definition, others, computed_traits, rules, limit, after, now });
  const first = new FirstIds(limit, after);
  for (const id of answers.flatMap(({ ids }) => ids)) first.add(id);
  let [people, count] = [0, 0];
  for (const answer of answers) {
    people += answer.people;
    count += answer.included;
  }
  const judged = new Set<string>();
  const open = answers.flatMap((answer) => answer.open);
  for (let from = 0; from < open.length; from += AT_ONCE) {
    const some = open.slice(from, from + AT_ONCE);
    for (const person of await Promise.all(some.map((key) => wholePerson(env, environment, key)))) {
      if (!person || judged.has(person.person_id)) continue;
      judged.add(person.person_id);
      people++;
      if (!compiled.segment.includes(person, now)) continue;
      count++;
      first.add(person.person_id);
    }
  }
  return { people, count, person_ids: first.sorted() };
}

/** One answer of every shard, which together cover every bucket exactly once; asked again while buckets are on the way. */
async function scanAll(
  env: PeopleEnv,
  { id, profile_shard_map }: Environment,
  wanted: Parameters<ReturnType<PeopleEnv["PROFILE_SHARD"]["getByName"]>["scan"]>[0],
): Promise<Scanned[]> {
  let map: ShardMap = profile_shard_map;
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    const answers = await Promise.all(
      shardsOf(map).map((shard) => env.PROFILE_SHARD.getByName(`${id}/${shard}`).scan(wanted, map)),
    );
    const buckets = answers.flatMap((answer) => [...each(answer.buckets as [number, number][])]);
    if (buckets.length === BUCKETS && new Set(buckets).size === BUCKETS) return answers as Scanned[];
    const newest = answers.reduce<ShardMap>((best, answer) => (answer.map.epoch > best.epoch ? answer.map : best), map);
    if (newest.epoch === map.epoch) await scheduler.wait(ON_THE_WAY_MS);
    map = newest;
  }
  throw onTheWay({ environmentId: id });
}
