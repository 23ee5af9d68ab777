/**
 * How fast a source, and one address, may send. Cloudflare's binding counts for a whole location, but roughly, tells no numbers
 * and costs more than reading a request does; so an isolate counts what it sees itself, which is what the headers tell, and asks
 * the binding about one request in a hundred or in ten: its limit is that much less (wrangler.toml).
 */

export interface Rate {
  /** Requests. */
  mostAMinute: number;
  /** The binding is asked about every so manieth. */
  askAboutOneIn: number;
}

export const SOURCE_RATE: Rate = { mostAMinute: 60_000, askAboutOneIn: 100 };
/** A busy office behind one address stays far below. */
export const ADDRESS_RATE: Rate = { mostAMinute: 6_000, askAboutOneIn: 10 };

const WINDOW_MS = 60_000;
/** A refusal holds for so long without asking again: whoever is too fast now is so for a moment. */
const REFUSAL_MS = 1_000;
const MOST_KEYS = 10_000;

export interface Allowance {
  allowed: boolean;
  limit: number;
  /** Of this minute, as far as this isolate has counted. */
  remaining: number;
  /** Seconds until the minute is over. */
  reset_s: number;
}

interface State {
  windowEnds: number;
  used: number;
  refusedUntil: number;
}

/** By binding, which lives as long as the isolate: the state of each key. */
const states = new WeakMap<RateLimit, Map<string, State>>();

/** Counts one request of `key`, a source's or an address's. `now` in epoch milliseconds. */
export async function spend(
  limiter: RateLimit,
  key: string,
  { mostAMinute: limit, askAboutOneIn }: Rate,
  now: number,
): Promise<Allowance> {
  const state = stateOf(limiter, key, now);
  const used = ++state.used;
  const allowance = (allowed: boolean): Allowance => ({
    allowed,
    limit,
    remaining: allowed ? Math.max(0, limit - used) : 0,
    reset_s: Math.ceil((state.windowEnds - now) / 1_000),
  });
  if (used > limit || now < state.refusedUntil) return allowance(false);
  // At the tenth, not the first: most visitors never send ten requests in a minute, and cost no question at all.
  if (used % askAboutOneIn !== 0 && state.refusedUntil === 0) return allowance(true);
  const { success } = await limiter.limit({ key });
  state.refusedUntil = success ? 0 : now + REFUSAL_MS;
  return allowance(success);
}

function stateOf(limiter: RateLimit, key: string, now: number): State {
  let keys = states.get(limiter);
  if (!keys) {
    keys = new Map();
    states.set(limiter, keys);
  }
  const known = keys.get(key);
  if (known && now < known.windowEnds) return known;
  if (keys.size >= MOST_KEYS) keys.clear();
  // Whole minutes of the clock, so that every isolate's ends at the same time.
  const windowEnds = (Math.floor(now / WINDOW_MS) + 1) * WINDOW_MS;
  const fresh = { windowEnds, used: 0, refusedUntil: known?.refusedUntil ?? 0 };
  keys.set(key, fresh);
  return fresh;
}

/** The tighter of two. */
export function tighter(a: Allowance, b: Allowance | undefined): Allowance {
  if (!b) return a;
  if (a.allowed !== b.allowed) return a.allowed ? b : a;
  return b.remaining < a.remaining ? b : a;
}

export function rateLimitHeaders({ limit, remaining, reset_s, allowed }: Allowance): Record<string, string> {
  return {
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-reset": String(reset_s),
    ...(!allowed && { "retry-after": String(Math.min(reset_s, 10)) }),
  };
}
