/**
 * Whether an integration may be called, as rules without storage or clock. Three things stop it: requests that fail in a row (the
 * circuit opens), credentials that the vendor refuses, and settings that cannot be used at all.
 */

/** Vendor requests that fail in a row before the circuit opens. */
const FAILURES_TO_OPEN = 5;
/** A request that hangs until its time is over holds up a lane as long as several that fail at once. */
const HUNG_COUNTS_AS = 3;
const OPEN_FIRST_MS = 10_000;
const OPEN_LONGEST_MS = 5 * 60_000;
const PAUSE_FIRST_MS = 5 * 60_000;
const PAUSE_LONGEST_MS = 20 * 60_000;
/** A refusal between requests that were accepted is about its event and not about the credentials. */
const ACCEPTED_LATELY_MS = 60_000;
const REFUSALS_TO_PAUSE = 5;

export type GateState =
  | "open_for_business"
  | "rate_limited"
  | "circuit_open"
  /** The vendor refuses the credentials: expired, revoked, or never right. */
  | "unauthorised"
  /** A secret that the destination needs was never given. */
  | "credentials_missing"
  /** The settings cannot be used: wrong, or an address that we do not call. */
  | "misconfigured";

export interface Blocked {
  state: "credentials_missing" | "misconfigured";
  reason: string;
}

export interface Breaker {
  /** Requests that failed since the last one that did not. */
  failed_in_a_row: number;
  /** Requests whose credentials were refused since the last one that was accepted. */
  refused_in_a_row: number;
  /** Epoch milliseconds; no request before it, and a single one after. */
  paused_until: number;
  /** Pauses since the last request that was accepted: each is twice as long. */
  pauses: number;
  /** The vendor's words. */
  unauthorised: string | null;
  blocked: Blocked | null;
}

export const SOUND: Breaker = {
  failed_in_a_row: 0,
  refused_in_a_row: 0,
  paused_until: 0,
  pauses: 0,
  unauthorised: null,
  blocked: null,
};

export interface Verdicts {
  /** Vendor requests made. */
  requests?: number;
  /** Of them, those that failed as a whole (network, 5xx, 429). */
  failed_requests?: number;
  /** Of those, the ones that never got an answer in time. */
  hung_requests?: number;
  /** The vendor refused the credentials, in its words; and how many requests. */
  unauthorised?: string;
  refused_requests?: number;
  blocked?: Blocked;
}

/** Until a request gets through again, which is longer than the pause. */
export function stateOf({ blocked, unauthorised, failed_in_a_row }: Breaker): GateState {
  if (blocked) return blocked.state;
  if (unauthorised !== null) return "unauthorised";
  return failed_in_a_row >= FAILURES_TO_OPEN ? "circuit_open" : "open_for_business";
}

/** How many requests the vendor answered and took, whatever it thought of their events. */
export function acceptedOf({ requests = 0, failed_requests = 0, unauthorised, refused_requests }: Verdicts): number {
  const refused = refused_requests ?? (unauthorised === undefined ? 0 : requests - failed_requests);
  return requests - failed_requests - refused;
}

/** The breaker after these requests; the same one where they say nothing new. `acceptedAt`: the last accepted request, as far as known. */
export function judge(breaker: Breaker, verdicts: Verdicts, acceptedAt: number | null, now: number): Breaker {
  const { requests = 0, failed_requests = 0, hung_requests = 0, unauthorised, blocked } = verdicts;
  if (blocked) return { ...breaker, blocked };
  if (requests === 0) return breaker;
  if (acceptedOf(verdicts) > 0) return SOUND;
  if (unauthorised !== undefined) {
    const refused_in_a_row = breaker.refused_in_a_row + (verdicts.refused_requests ?? 1);
    const isAboutOne = acceptedAt !== null && now - acceptedAt <= ACCEPTED_LATELY_MS;
    if (breaker.unauthorised === null && isAboutOne && refused_in_a_row < REFUSALS_TO_PAUSE) {
      return { ...breaker, refused_in_a_row };
    }
    const isPaused = breaker.unauthorised !== null && now < breaker.paused_until;
    return {
      ...breaker,
      refused_in_a_row,
      unauthorised,
      ...(!isPaused && paused(breaker, now, PAUSE_FIRST_MS, PAUSE_LONGEST_MS)),
    };
  }
  const failed_in_a_row = breaker.failed_in_a_row + failed_requests + hung_requests * (HUNG_COUNTS_AS - 1);
  // Requests that were under way when the pause began say nothing new.
  const opens = failed_in_a_row >= FAILURES_TO_OPEN && now >= breaker.paused_until;
  return { ...breaker, failed_in_a_row, ...(opens && paused(breaker, now, OPEN_FIRST_MS, OPEN_LONGEST_MS)) };
}

function paused({ pauses }: Breaker, now: number, first: number, longest: number) {
  return { paused_until: now + Math.min(longest, first * 2 ** pauses), pauses: pauses + 1 };
}
