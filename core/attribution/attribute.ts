/**
 * From people's touches and purchases to what each channel, source or campaign earned. Exact in minor units: the parts of every purchase
 * add up to it. Partials of shares of the people add up to the whole (`Totals.join`), so that nobody has to hold everyone.
 */
import { type CountedPath, removalEffects } from "./markov.ts";
import { type AttributionModel, type AttributionTouch, weightsOf } from "./models.ts";
import { split } from "./split.ts";

export const DIMENSIONS = ["channel", "source", "medium", "campaign"] as const;
export type AttributionDimension = (typeof DIMENSIONS)[number];

/** A purchase, or with a negative amount what was given back of one. */
export interface Conversion {
  id: string;
  /** Epoch milliseconds. What is given back belongs to the path of what was bought: its time is the purchase's. */
  at: number;
  /** Minor units of the currency that is asked for. */
  minor: number;
}

export interface Journey {
  /** In any order. */
  touches: readonly AttributionTouch[];
  conversions: readonly Conversion[];
}

export interface Question {
  model: AttributionModel;
  /** How long before a purchase a touch may lie. */
  window_ms: number;
  dimension: AttributionDimension;
}

/** What no touch within the window explains. */
export const UNATTRIBUTED = "(none)";
const NO_CAMPAIGN = "(not set)";

export function keyOfTouch(dimension: AttributionDimension): (touch: AttributionTouch) => string {
  return (touch) => touch[dimension] ?? NO_CAMPAIGN;
}

/** The touches that a purchase at `at` may be owed to, the earliest first. Of two at one time the lesser source comes first. */
export function pathTo(touches: readonly AttributionTouch[], at: number, windowMs: number): AttributionTouch[] {
  return touches
    .filter((touch) => touch.at <= at && touch.at >= at - windowMs)
    .sort((a, b) => a.at - b.at || orderOf(a).localeCompare(orderOf(b)));
}

const orderOf = ({ source, medium, campaign = "" }: AttributionTouch) => `${source} ${medium} ${campaign}`;

export interface Credited {
  conversion: Conversion;
  /** The path, each touch with its share; empty: nothing explains it. */
  path: { touch: AttributionTouch; minor: number; weight: number }[];
}

/** Every purchase of one person with the path that explains it. */
export function explain(
  { touches, conversions }: Journey,
  { model, window_ms, dimension }: Question,
  effects: ReadonlyMap<string, number> = new Map(),
): Credited[] {
  const credits = { keyOf: keyOfTouch(dimension), effects };
  return conversions.map((conversion) => {
    const path = pathTo(touches, conversion.at, window_ms);
    const weights = weightsOf(model, path, conversion.at, credits);
    const parts = split(conversion.minor, weights);
    return { conversion, path: path.map((touch, i) => ({ touch, minor: parts[i]!, weight: weights[i]! })) };
  });
}

export interface Total {
  minor: number;
  /** Purchases that it has a share in; a purchase may count with several. */
  assisted: number;
  /** Shares of purchases, adding up to all of them. */
  conversions: number;
}

/** What each key earned. Sums in any order, and of any division of the people, come to the same minor units. */
export class Totals {
  readonly byKey = new Map<string, Total>();

  add(credited: Iterable<Credited>, keyOf: (touch: AttributionTouch) => string): void {
    for (const { conversion, path } of credited) {
      const isPurchase = conversion.minor > 0;
      if (path.length === 0) this.#credit(UNATTRIBUTED, conversion.minor, isPurchase ? 1 : 0, isPurchase ? 1 : 0);
      const seen = new Set<string>();
      for (const { touch, minor, weight } of path) {
        if (weight === 0 && minor === 0) continue;
        const key = keyOf(touch);
        const isFirst = isPurchase && weight > 0 && !seen.has(key);
        if (isFirst) seen.add(key);
        this.#credit(key, minor, isFirst ? 1 : 0, isPurchase ? weight : 0);
      }
    }
  }

  join(other: Totals): void {
    for (const [key, { minor, assisted, conversions }] of other.byKey) this.#credit(key, minor, assisted, conversions);
  }

  #credit(key: string, minor: number, assisted: number, conversions: number): void {
    const total = this.byKey.get(key) ?? { minor: 0, assisted: 0, conversions: 0 };
    total.minor += minor;
    total.assisted += assisted;
    total.conversions += conversions;
    this.byKey.set(key, total);
  }
}

/**
 * What the data-driven model learns from: the ways that people went, equal ones counted together. A person's touches since their last purchase
 * lead to the next one; those after their last purchase led to none until now.
 */
export class Paths {
  readonly #counted = new Map<string, CountedPath>();

  add({ touches, conversions }: Journey, { dimension, window_ms }: Pick<Question, "dimension" | "window_ms">): void {
    const keyOf = keyOfTouch(dimension);
    const bought = [...new Set(conversions.filter(({ minor }) => minor > 0).map(({ at }) => at))].sort((a, b) => a - b);
    let since = Number.NEGATIVE_INFINITY;
    for (const at of bought) {
      const path = pathTo(touches, at, Math.min(window_ms, at - since - 1));
      this.#count(path.map(keyOf), 1, 0);
      since = at;
    }
    const rest = touches.filter(({ at }) => at > since);
    const newest = Math.max(...rest.map(({ at }) => at));
    if (rest.length) this.#count(pathTo(rest, newest, window_ms).map(keyOf), 0, 1);
  }

  join(other: Paths): void {
    for (const { keys, conversions, losses } of other.#counted.values()) this.#count(keys, conversions, losses);
  }

  effects(): Map<string, number> {
    return removalEffects(this.#counted.values());
  }

  #count(keys: readonly string[], conversions: number, losses: number): void {
    if (keys.length === 0) return;
    const name = JSON.stringify(keys);
    const path = this.#counted.get(name) ?? { keys, conversions: 0, losses: 0 };
    path.conversions += conversions;
    path.losses += losses;
    this.#counted.set(name, path);
  }
}
