/** What a funnel is: `POST /api/v1/funnel`, and what is saved at `/api/v1/funnels` (docs/analytics.md). */
import * as z from "zod";
import { filter, SESSION_DIMENSIONS } from "./query.ts";

export const MOST_FUNNEL_STEPS = 20;
const DAY_S = 86_400;

const step = z
  .strictObject({ event: z.string().min(1).max(256).optional(), page: z.string().min(1).max(256).optional() })
  .refine(({ event, page }) => (event === undefined) !== (page === undefined), "say either an event or a page");

export const funnel = z.strictObject({
  steps: z.array(step).min(2).max(MOST_FUNNEL_STEPS),
  /**
   * `in_order`: one after the other, whatever was done between; `strict`: with nothing between; `any`: whichever comes first.
   */
  order: z.enum(["in_order", "strict", "any"]).default("in_order"),
  by: z.enum(["visitor", "session"]).default("visitor"),
  /** From the first step to the last. Seconds. */
  within_s: z
    .int()
    .min(1)
    .max(400 * DAY_S)
    .default(30 * DAY_S),
  /** Of the session in which the furthest attempt began (for `any`: in which it was furthest). */
  breakdown: z.enum(SESSION_DIMENSIONS).optional(),
  filter: filter.optional(),
});
export type Funnel = z.infer<typeof funnel>;

/** Of a value of the breakdown ("" without one): how many came as far as each step. */
export interface FunnelGroup {
  name: string;
  reached: number[];
}
/** `cut`: sessions in the range of which not every step is remembered. */
export interface FunnelPart {
  groups: FunnelGroup[];
  cut: number;
}

/** Values of a breakdown that are told apart; the rest is left out and counts in the total. */
export const MOST_FUNNEL_GROUPS = 100;

export function mergeFunnel(steps: number, parts: FunnelPart[]) {
  const all = new Map<string, number[]>();
  const total = new Array<number>(steps).fill(0);
  for (const { groups } of parts)
    for (const { name, reached } of groups) {
      const known = all.get(name) ?? new Array<number>(steps).fill(0);
      for (let k = 0; k < steps; k++) {
        known[k]! += reached[k]!;
        total[k]! += reached[k]!;
      }
      all.set(name, known);
    }
  const groups = [...all].sort(([a, x], [b, y]) => y[0]! - x[0]! || (a < b ? -1 : 1));
  return {
    total,
    groups: groups.slice(0, MOST_FUNNEL_GROUPS),
    group_count: groups.length,
    cut: parts.some(({ cut }) => cut > 0),
  };
}
