/** As milliseconds this would be March 1973, as seconds the year 5138. */
const FIRST_MILLISECONDS = 1e11;

/** A number that is clearly Unix seconds as milliseconds; anything else as it is. */
export function inMilliseconds<T>(time: T): T | number {
  return typeof time === "number" && time >= 0 && time < FIRST_MILLISECONDS ? Math.round(time * 1_000) : time;
}
