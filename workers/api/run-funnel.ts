/** A funnel to all shards of an environment, and their answers to one. */
import { regexProblem } from "../../core/analytics/filters.ts";
import { type Funnel, mergeFunnel } from "../../core/analytics/funnel.ts";
import { ApiError } from "../../core/api-error.ts";
import type { Environment } from "../../core/environment.ts";
import { shardsOf } from "../../core/shard-map.ts";
import type { ApiEnv } from "../env.ts";
import { rangeOf } from "./run-query.ts";

/** Throws `invalid_request` for a range, a time zone or an expression that is none. */
export async function runFunnel(
  env: Pick<ApiEnv, "VISITOR_SHARD">,
  { id, shard_map: map }: Environment,
  funnel: Funnel,
  asked: { from: string; to: string; time_zone: string },
) {
  const { range, zone } = rangeOf({ ...asked, week_start: 1, cards: [] });
  const problem = funnel.filter && regexProblem(funnel.filter);
  if (problem) throw new ApiError("invalid_request", problem);
  const parts = await Promise.all(
    shardsOf(map).map((shard) => env.VISITOR_SHARD.getByName(`${id}/${shard}`).funnel(funnel, range, map)),
  );
  const { total, groups, group_count, cut } = mergeFunnel(funnel.steps.length, parts);
  const isMoving = parts.some(({ is_moving }) => is_moving);
  return {
    from: zone.iso(range.from),
    to: zone.iso(range.to),
    time_zone: asked.time_zone,
    is_exact: !cut && !isMoving,
    is_moving: isMoving,
    steps: funnel.steps.map((step, k) => ({ ...step, ...reachedAt(total, k) })),
    ...(funnel.breakdown && {
      breakdown: {
        dimension: funnel.breakdown,
        group_count,
        groups: groups.map(([name, reached]) => ({ name, steps: reached.map((_, k) => reachedAt(reached, k)) })),
      },
    }),
  };
}

/** `rate`: of those of the first step; `step_rate`: of those of the step before. Null where nobody was. */
function reachedAt(reached: number[], k: number) {
  const share = (among: number) => (among === 0 ? null : reached[k]! / among);
  return { reached: reached[k]!, rate: share(reached[0]!), step_rate: share(reached[Math.max(0, k - 1)]!) };
}
