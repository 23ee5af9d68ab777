/** When an integration's failures are worth waking somebody: many, of late, and far more than before. */

/** Tries of a minute, and how many of them failed (were retried or given up). */
export interface MinuteOfTries {
  /** Since 1970. */
  minute: number;
  tries: number;
  failed: number;
}

export interface FailureSpike {
  kind: "delivery_failure_spike";
  /** Of the tries in the last quarter of an hour, 0 to 1. */
  failed_share: number;
  tries: number;
  /** The same share of the three quarters before; null where too little was tried then. */
  before: number | null;
}

const LATELY_MINUTES = 15;
export const LOOK_BACK_MINUTES = 60;
const LEAST_TRIES = 20;
const LEAST_SHARE = 0.2;
/** Of a vendor that always refuses some: so many times more than it is used to. */
const TIMES_BEFORE = 3;

/** Null where there is none. A quiet integration has none: one failure of one try says nothing. */
export function failureSpike(minutes: MinuteOfTries[], now: number): FailureSpike | null {
  const minute = Math.floor(now / 60_000);
  const share = (from: number, to: number) => {
    const within = minutes.filter((one) => one.minute > minute - from && one.minute <= minute - to);
    const tries = within.reduce((sum, one) => sum + one.tries, 0);
    const failed = within.reduce((sum, one) => sum + one.failed, 0);
    return { tries, share: tries < LEAST_TRIES ? null : failed / tries };
  };
  const lately = share(LATELY_MINUTES, 0);
  const { share: before } = share(LOOK_BACK_MINUTES, LATELY_MINUTES);
  if (lately.share === null || lately.share < LEAST_SHARE) return null;
  if (before !== null && lately.share < before * TIMES_BEFORE) return null;
  return { kind: "delivery_failure_spike", failed_share: lately.share, tries: lately.tries, before };
}
