/** Exponential backoff with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). */

const BASE_S = 2;
const LONGEST_S = 3_600;
/** Queues hold a message back for at most 24 hours. */
const LONGEST_DELAY_S = 86_400;

/**
 * Seconds until the try after attempt number `attempt` (from 1). `retryAfterS`, where the other side named one, is the
 * least; jitter comes on top of it, so that not everybody returns in the same second.
 */
export function backoffSeconds(attempt: number, retryAfterS = 0, random = Math.random): number {
  const ceiling = Math.min(LONGEST_S, BASE_S * 2 ** (attempt - 1));
  return Math.min(LONGEST_DELAY_S, Math.ceil(retryAfterS + 1 + random() * (ceiling - 1)));
}
