/** A query to all shards of an environment, and their answers to one. */

import { regexProblem } from "../../core/analytics/filters.ts";
import { type CardAnswer, merge } from "../../core/analytics/merge.ts";
import type { Query } from "../../core/analytics/query.ts";
import { type Bucket, bucketsOf, comparisonOf, startOfDate, Zone } from "../../core/analytics/time-buckets.ts";
import { ApiError } from "../../core/api-error.ts";
import type { Environment } from "../../core/environment.ts";
import { orgDataLayerOf } from "../../core/org-data-layer.ts";
import { shardsOf } from "../../core/shard-map.ts";
import type { ApiEnv } from "../env.ts";

const DAY = 86_400_000;
/** Visitors are remembered for 400 days, and a leap year's comparison must fit. */
const MOST_DAYS = 800;
const MOST_BUCKETS = 10_000;

export interface QueryAnswer {
  from: string;
  to: string;
  time_zone: string;
  /** Of the money: null where the environment has none, and amounts are as they came. Minor units. */
  currency: string | null;
  is_exact: boolean;
  /** Buckets are moving between shards: ask again in a moment for an exact answer. */
  is_moving: boolean;
  cards: NamedAnswer[];
  compared?: { from: string; to: string; cards: NamedAnswer[] };
}
export interface NamedAnswer extends CardAnswer {
  name: string;
  /** `is_partial`: cut by the range or not over yet. */
  buckets?: { from: string; to: string; is_partial: boolean }[];
}

/** Throws `invalid_request` for a range, a time zone or an expression that is none. */
export async function runQuery(
  env: Pick<ApiEnv, "VISITOR_SHARD">,
  environment: Environment,
  query: Query,
  now: number,
) {
  const { range, zone } = rangeOf(query);
  for (const filter of [query.filter, ...query.cards.map(({ filter }) => filter)]) {
    const problem = filter && regexProblem(filter);
    if (problem) throw new ApiError("invalid_request", problem);
  }
  const { currency } = orgDataLayerOf(environment).enrichment;
  const compared = query.compare && comparisonOf(range, query.compare, zone);
  const [main, before] = await Promise.all([
    ask(env, environment, query, range, zone, now),
    compared && ask(env, environment, query, compared, zone, now),
  ]);
  const answer: QueryAnswer = {
    from: zone.iso(range.from),
    to: zone.iso(range.to),
    time_zone: query.time_zone,
    currency: currency?.to ?? null,
    is_exact: [main, before].every((one) => !one || (!one.isMoving && one.cards.every((card) => card.is_exact))),
    is_moving: main.isMoving || before?.isMoving === true,
    cards: main.cards,
  };
  if (compared && before)
    answer.compared = { from: zone.iso(compared.from), to: zone.iso(compared.to), cards: before.cards };
  return answer;
}

/** Throws `invalid_request`. */
export function rangeOf({
  from,
  to,
  time_zone,
  compare,
  cards,
  week_start,
}: Pick<Query, "from" | "to" | "time_zone" | "compare" | "cards" | "week_start">): { range: Bucket; zone: Zone } {
  const isDate = (moment: string) => /^\d{4}-\d{2}-\d{2}$/.test(moment);
  const [first, last] = [Date.parse(from), Date.parse(to)];
  if (last < first) throw new ApiError("invalid_request", "to: lies before from");
  if (last - first > MOST_DAYS * DAY)
    throw new ApiError("invalid_request", `to: a range has at most ${MOST_DAYS} days`);
  let zone: Zone;
  try {
    const back = compare === undefined ? DAY : Math.max(last - first, 366 * DAY) + 2 * DAY;
    zone = new Zone(time_zone, first - back, last + 2 * DAY);
  } catch {
    throw new ApiError("invalid_request", `time_zone: ${JSON.stringify(time_zone)} is no time zone that we know`);
  }
  const range = {
    from: isDate(from) ? startOfDate(from, zone) : first,
    to: isDate(to) ? startOfDate(to, zone, 1) : last,
  };
  if (range.to <= range.from) throw new ApiError("invalid_request", "to: the range is empty");
  for (const { name, interval } of cards)
    if (interval && bucketsOf(range, interval, zone, week_start).length > MOST_BUCKETS)
      throw new ApiError("invalid_request", `${name}: more than ${MOST_BUCKETS} intervals of one ${interval}`);
  return { range, zone };
}

async function ask(
  env: Pick<ApiEnv, "VISITOR_SHARD">,
  environment: Environment,
  { time_zone, week_start, filter, cards }: Query,
  range: Bucket,
  zone: Zone,
  now: number,
) {
  const scan = { range, time_zone, week_start, filter, cards };
  const map = environment.shard_map;
  const answers = await Promise.all(
    shardsOf(map).map((shard) => env.VISITOR_SHARD.getByName(`${environment.id}/${shard}`).query(scan, map)),
  );
  const named = cards.map((card, c): NamedAnswer => {
    const merged = merge(
      card,
      answers.map((answer) => answer.cards[c]!),
    );
    if (!card.interval) return { name: card.name, ...merged };
    const buckets = bucketsOf(range, card.interval, zone, week_start).map(({ from, to }) => {
      // A bucket as it would be if the range did not cut it.
      const [whole] = bucketsOf({ from, to: Number.MAX_SAFE_INTEGER }, card.interval!, zone, week_start, 1);
      const isPartial = to > now || whole!.to !== to || !isStart(from, card.interval!, zone, week_start);
      return { from: zone.iso(from), to: zone.iso(to), is_partial: isPartial };
    });
    return { name: card.name, ...merged, buckets };
  });
  return { cards: named, isMoving: answers.some(({ is_moving }) => is_moving) };
}

/** Whether a bucket would begin here by itself: the one of a moment before ends here. */
function isStart(at: number, interval: Parameters<typeof bucketsOf>[1], zone: Zone, weekStart: number): boolean {
  const [before] = bucketsOf({ from: at - 1, to: Number.MAX_SAFE_INTEGER }, interval, zone, weekStart, 1);
  return before!.to === at;
}
