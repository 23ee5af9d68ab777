/**
 * How fast a source may send, per Cloudflare location: ten times the limit of the binding, which is asked about one request in
 * ten. It counts roughly anyway, and asking costs more than reading a request does.
 */

const ASK_ABOUT_ONE_IN = 10;
/** A refusal holds for so long without asking again: whoever is too fast now is so for a moment. */
const REFUSAL_MS = 1_000;
const MOST_SOURCES = 10_000;

/** By binding, which lives as long as the isolate: the state of each source that sends through it. */
const states = new WeakMap<RateLimit, Map<string, { seen: number; refusedUntil: number }>>();

/** Whether a request of this source may go on. `now` in epoch milliseconds. */
export async function mayGoOn(limiter: RateLimit, sourceId: string, now: number): Promise<boolean> {
  const sources = states.get(limiter) ?? new Map();
  if (sources.size >= MOST_SOURCES) sources.clear();
  states.set(limiter, sources);
  const state = sources.get(sourceId) ?? { seen: 0, refusedUntil: 0 };
  sources.set(sourceId, state);
  if (now < state.refusedUntil) return false;
  if (state.seen++ % ASK_ABOUT_ONE_IN !== 0) return true;
  const { success } = await limiter.limit({ key: sourceId });
  if (success) return true;
  // The next request is asked about again.
  state.seen = 0;
  state.refusedUntil = now + REFUSAL_MS;
  return false;
}
