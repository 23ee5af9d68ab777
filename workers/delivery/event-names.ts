/** From a customer's event to a vendor's standard one: the Segment spec's names by default, the customer's choice before them. */
import * as z from "zod";
import { eventTable } from "../../core/commerce.ts";
import type { Event, EventType } from "../../core/event.ts";

/**
 * The setting by which customers choose: their own event's name, or a type (`page`, `identify`, `group`), to the vendor's name.
 * `{ "Quiz finished": "Lead", "identify": "CompleteRegistration" }`
 */
export const chosenEvents = <S extends z.ZodType<string>>(vendorName: S) =>
  z.record(z.string().min(1).max(256), vendorName).optional();

/** A lookup in the standard names, of `track` events by their name and of all others by their type. */
export function standardEvents<N extends string>(
  byName: Record<string, N>,
  byType: Partial<Record<EventType, N>>,
): (event: Event, chosen: Record<string, N> | undefined) => N | undefined {
  const ofTrack = eventTable(byName);
  return (event, chosen) => {
    if (chosen && Object.hasOwn(chosen, event.event)) return chosen[event.event];
    return event.type === "track" ? ofTrack(event) : byType[event.type];
  };
}
