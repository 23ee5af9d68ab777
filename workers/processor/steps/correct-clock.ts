import { keep, type Step } from "../step.ts";

/** Less than this is the way through the network and no wrong clock. */
const TOLERATED_MS = 2_000;
/** The years that an ISO 8601 time writes with four digits. */
const LAST_MS = Date.UTC(9999, 11, 31);

/**
 * A device whose clock is wrong says so itself: by `sent_at` it took this long, or less than no time, to reach us. The event is
 * moved by as much, as Segment does: https://segment.com/docs/connections/spec/common/#timestamps
 */
export const correctClock: Step = {
  name: "correct_clock",
  run(event) {
    if (!event.sent_at) return keep(event);
    const clock_skew_ms = Date.parse(event.received_at) - Date.parse(event.sent_at);
    const corrected = Date.parse(event.timestamp) + clock_skew_ms;
    if (Math.abs(clock_skew_ms) < TOLERATED_MS || corrected < 0 || corrected > LAST_MS) return keep(event);
    const timestamp = new Date(corrected).toISOString();
    return keep({ ...event, timestamp, context: { ...event.context, clock_skew_ms } }, [
      "timestamp",
      "context.clock_skew_ms",
    ]);
  },
};
