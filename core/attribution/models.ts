/**
 * Which of the visits before a purchase brought it about: weights of touches, by model. Pure, and in no currency.
 * The models are those that Google Analytics had (https://support.google.com/analytics/answer/10596866), which people know.
 */
import * as z from "zod";

export const MODELS = [
  "first",
  "last",
  "last_non_direct",
  "linear",
  "time_decay",
  "position_based",
  "data_driven",
] as const;
export const attributionModel = z.enum(MODELS);
export type AttributionModel = z.infer<typeof attributionModel>;

/** A visit, by what brought it. `channel`, `source`, `campaign` are what a report may ask by. */
export interface AttributionTouch {
  /** Epoch milliseconds. */
  at: number;
  channel: string;
  source: string;
  medium: string;
  campaign?: string;
  /** Typed in, or from nowhere that is known. */
  is_direct: boolean;
}

/** Half of the weight is gone after so long: what Google's model took. */
export const HALF_LIFE_MS = 7 * 86_400_000;
/** The first and the last touch, each; the ones between share the rest. */
const ENDS = 0.4;

/**
 * Weights of a path's touches, in its order (the earliest first), adding up to 1. `at`: when it was bought. `credits`: of the data-driven
 * model, by the touch's key (`removalEffects`); a path none of whose keys has one is divided evenly.
 */
export function weightsOf(
  model: AttributionModel,
  path: readonly AttributionTouch[],
  at: number,
  credits?: { keyOf(touch: AttributionTouch): string; effects: ReadonlyMap<string, number> },
): number[] {
  const last = path.length - 1;
  if (last < 0) return [];
  const only = (index: number) => path.map((_, i) => (i === index ? 1 : 0));
  switch (model) {
    case "first":
      return only(0);
    case "last":
      return only(last);
    case "last_non_direct": {
      const index = path.findLastIndex(({ is_direct }) => !is_direct);
      return only(index < 0 ? last : index);
    }
    case "linear":
      return path.map(() => 1 / path.length);
    case "time_decay": {
      // Against the newest touch, so that a long time before the purchase leaves something to divide.
      const newest = path[last]!.at;
      return normal(path.map((touch) => 2 ** ((Math.min(touch.at, at) - newest) / HALF_LIFE_MS)));
    }
    case "position_based": {
      if (last === 0) return [1];
      if (last === 1) return [0.5, 0.5];
      return path.map((_, i) => (i === 0 || i === last ? ENDS : (1 - 2 * ENDS) / (last - 1)));
    }
    case "data_driven":
      return normal(path.map((touch) => credits?.effects.get(credits.keyOf(touch)) ?? 0));
  }
}

function normal(weights: number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (total > 0 ? weight / total : 1 / weights.length));
}
