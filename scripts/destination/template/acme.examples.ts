import type { Event } from "../../../core/event.ts";
import type { Example } from "../../../workers/delivery/destination.ts";
import type { AcmeEvent, AcmeSettings } from "./acme.ts";

const TIME = Date.parse("2026-11-20T10:00:00.000Z") / 1_000;

/** An event of visitor a1 that is sent as `name`. */
function sends(title: string, given: Partial<Event>, out: Pick<AcmeEvent, "name"> & Partial<AcmeEvent>) {
  const properties = given.properties ?? {};
  return {
    title,
    in: { message_id: "m1", ...given },
    out: { id: "m1", time: TIME, visitor: "a1", properties, ...out },
  } satisfies Example<AcmeSettings>;
}

const skips = (
  title: string,
  given: Partial<Event>,
  reason: "event_not_mapped" | "too_old" | "in_the_future",
  detail: string,
) => ({ title, in: { message_id: "m1", ...given }, out: { skip: reason, detail } }) satisfies Example<AcmeSettings>;

export const acmeExamples: Example<AcmeSettings>[] = [
  sends("a page", { type: "page", event: "page" }, { name: "page_viewed" }),
  sends("a screen", { type: "screen", event: "screen" }, { name: "screen_viewed" }),
  sends("a track keeps its name", { event: "Quiz Finished" }, { name: "Quiz Finished" }),
  sends(
    "properties of any shape",
    { properties: { score: 7, answers: [{ hat: "bowler" }] } },
    { name: "Button Clicked" },
  ),
  sends(
    "an order",
    { event: "Order Completed", properties: { order_id: "o-1", revenue: 49, currency: "EUR" } },
    { name: "Order Completed" },
  ),
  sends("a person who is known", { user_id: "u1" }, { name: "Button Clicked", user: "u1" }),
  sends("an identify", { type: "identify", event: "identify", user_id: "u1" }, { name: "identified", user: "u1" }),
  skips(
    "an identify of nobody",
    { type: "identify", event: "identify" },
    "event_not_mapped",
    'Acme has no event for "identify"',
  ),
  skips("a group", { type: "group", event: "group" }, "event_not_mapped", 'Acme has no event for "group"'),
  sends(
    "a clock that runs a little ahead",
    { timestamp: "2026-11-20T10:05:00.000Z" },
    { name: "Button Clicked", time: TIME + 1 },
  ),
  sends(
    "an event of six days ago",
    { timestamp: "2026-11-14T10:00:00.000Z" },
    { name: "Button Clicked", time: TIME - 6 * 86_400 },
  ),
  skips(
    "an event that the vendor would refuse as too old",
    { timestamp: "2026-11-10T10:00:00.000Z" },
    "too_old",
    "happened 2026-11-10T10:00:00.000Z, over 168 h before it arrived",
  ),
  skips(
    "an event of tomorrow",
    { timestamp: "2026-11-21T10:00:00.000Z" },
    "in_the_future",
    "happened 2026-11-21T10:00:00.000Z, after it arrived",
  ),
];
