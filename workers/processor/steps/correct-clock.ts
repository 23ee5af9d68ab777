import type { Event } from "../../../core/event.ts";
import { keep, type Step } from "../step.ts";

/** Less than this is the way through the network and no wrong clock. */
const TOLERATED_MS = 2_000;
/** The years that an ISO 8601 time writes with four digits. */
const LAST_MS = Date.UTC(9999, 11, 31);

/**
 * A device whose clock is wrong says so itself: by `sent_at` it took this long, or less than no time, to reach us. The event is
 * moved by as much, as Segment does: https://segment.com/docs/connections/spec/common/#timestamps
 * What then still is older or newer than its source allows is kept, and marked by `context.clock`, whatever the client wrote there.
 */
export const correctClock: Step = {
  name: "correct_clock",
  run(event, { environment, source_id }) {
    const changed: string[] = [];
    const { clock: claimed, ...context } = event.context;
    let { timestamp } = event;
    const skew = skewOf(event);
    if (skew !== 0) {
      timestamp = new Date(Date.parse(timestamp) + skew).toISOString();
      context.clock_skew_ms = skew;
      changed.push("timestamp", "context.clock_skew_ms");
    }
    const source = environment.sources.find(({ id }) => id === source_id);
    const age_s = (Date.parse(event.received_at) - Date.parse(timestamp)) / 1_000;
    const isOld = source !== undefined && age_s > source.oldest_event_s;
    const isNew = source !== undefined && -age_s > source.newest_event_s;
    if (isOld || isNew) context.clock = isOld ? "too_old" : "too_new";
    if (context.clock !== claimed) changed.push("context.clock");
    return changed.length ? keep({ ...event, timestamp, context }, changed) : keep(event);
  },
};

/** By how much the event must be moved, in milliseconds; 0 where nothing is known, or where it would leave all calendars. */
function skewOf({ sent_at, received_at, timestamp }: Event): number {
  if (!sent_at) return 0;
  const skew = Date.parse(received_at) - Date.parse(sent_at);
  const corrected = Date.parse(timestamp) + skew;
  return Math.abs(skew) < TOLERATED_MS || corrected < 0 || corrected > LAST_MS ? 0 : skew;
}
