/**
 * Data-driven attribution: the removal effect in a Markov chain of the first order (Anderl et al., "Mapping the customer journey",
 * https://doi.org/10.1016/j.ijresmar.2016.03.001). People go from touch to touch, and end at a purchase or not; what a channel is worth is
 * how many purchases there would be less, were everybody who comes to it lost.
 */

/** How often people went this way: the keys of their touches in order, and how many of them bought, and how many did not. */
export interface CountedPath {
  keys: readonly string[];
  conversions: number;
  losses: number;
}

const START = 0;
const CONVERSION = 1;
const LOSS = 2;

/** By key, between 0 and 1: the share of all purchases that is lost without it. Not normalised. Empty where nobody bought. */
export function removalEffects(paths: Iterable<CountedPath>): Map<string, number> {
  const states = new Map<string, number>();
  const counts: Map<number, number>[] = [new Map(), new Map(), new Map()];
  const go = (from: number, to: number, times: number) => {
    if (times > 0) counts[from]!.set(to, (counts[from]!.get(to) ?? 0) + times);
  };
  for (const { keys, conversions, losses } of paths) {
    if (keys.length === 0) continue;
    let from = START;
    for (const key of keys) {
      let to = states.get(key);
      if (to === undefined) {
        to = counts.push(new Map()) - 1;
        states.set(key, to);
      }
      go(from, to, conversions + losses);
      from = to;
    }
    go(from, CONVERSION, conversions);
    go(from, LOSS, losses);
  }
  const all = conversionRate(counts, undefined);
  const effects = new Map<string, number>();
  if (all <= 0) return effects;
  for (const [key, state] of states) effects.set(key, Math.max(0, 1 - conversionRate(counts, state) / all));
  return effects;
}

/**
 * How likely somebody who starts ends at a purchase, with everybody who reaches `removed` lost. Solved directly, by Gaussian elimination
 * over the touches: channels are few, and no iteration has to be waited for.
 */
function conversionRate(counts: readonly Map<number, number>[], removed: number | undefined): number {
  const unknowns = counts.map((_, state) => state).filter((s) => s !== CONVERSION && s !== LOSS && s !== removed);
  const row = new Map(unknowns.map((state, i) => [state, i]));
  const size = unknowns.length;
  const matrix = unknowns.map((state, i) => {
    const total = [...counts[state]!.values()].reduce((sum, n) => sum + n, 0);
    const line = new Float64Array(size + 1);
    line[i] = 1;
    for (const [to, times] of counts[state]!) {
      const share = times / total;
      if (to === CONVERSION) line[size]! += share;
      else if (row.has(to)) line[row.get(to)!]! -= share;
    }
    return line;
  });
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let i = k + 1; i < size; i++) if (Math.abs(matrix[i]![k]!) > Math.abs(matrix[pivot]![k]!)) pivot = i;
    [matrix[k], matrix[pivot]] = [matrix[pivot]!, matrix[k]!];
    const lead = matrix[k]!;
    // Nobody leaves this state but to itself: no purchase is reached from there.
    if (Math.abs(lead[k]!) < 1e-12) continue;
    for (let i = 0; i < size; i++) {
      const other = matrix[i]!;
      const factor = other[k]! / lead[k]!;
      if (i === k || factor === 0) continue;
      for (let j = k; j <= size; j++) other[j]! -= factor * lead[j]!;
    }
  }
  const start = row.get(START)!;
  return matrix[start]![size]! / matrix[start]![start]!;
}
