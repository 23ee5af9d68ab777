import type { Event } from "../core/event.ts";

/** A valid event with everything a test does not care about filled in. Message ids are unique within a run. */
export function anEvent(given: Partial<Event> = {}): Event {
  return {
    message_id: `m-${++count}`,
    anonymous_id: "a1",
    type: "track",
    event: given.type && given.type !== "track" ? given.type : "Button Clicked",
    properties: {},
    context: {},
    timestamp: "2026-11-20T10:00:00.000Z",
    received_at: "2026-11-20T10:00:01.000Z",
    ...given,
  };
}

let count = 0;
