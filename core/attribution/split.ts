/** Dividing an amount so that the parts add up to it: by largest remainder, in whole minor units. */

/**
 * `minor`: a whole number, negative for a refund. `weights`: not negative; all zero counts as all alike. Of equal remainders the earlier
 * part gets the unit, so that the same question has the same answer.
 */
export function split(minor: number, weights: readonly number[]): number[] {
  if (weights.length === 0) return [];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = total > 0 ? weights.map((weight) => weight / total) : weights.map(() => 1 / weights.length);
  const size = Math.abs(minor);
  const exact = shares.map((share) => share * size);
  const parts = exact.map(Math.floor);
  const left = size - parts.reduce((sum, part) => sum + part, 0);
  const byRemainder = exact
    .map((amount, i) => ({ i, remainder: amount - Math.floor(amount) }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  // Rounding of the shares may leave a unit more or less than there are parts for.
  for (let k = 0; k < left; k++) parts[byRemainder[k % parts.length]!.i]!++;
  for (let k = left; k < 0; k++) parts[parts.indexOf(Math.max(...parts))]!--;
  return minor < 0 ? parts.map((part) => -part || 0) : parts;
}
