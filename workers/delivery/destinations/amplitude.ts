// https://amplitude.com/docs/apis/analytics/http-v2
import * as z from "zod";
import { currencyOf, eventTable, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { defined, isRecord, number, pick, record, text, unlessEmpty } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents } from "../event-names.ts";
import { refuse, requestOutcome, words } from "../outcomes.ts";
import { amplitudeExamples } from "./amplitude.examples.ts";

const settings = z.object({
  api_key: secret(),
  /** Where the project's data are kept. Absent: us. */
  region: z.enum(["us", "eu"]).optional(),
  /** Under which group type a `group` call's id stands. Absent: company. */
  group_type: z.string().min(1).max(1_024).optional(),
  /** Other names than the customer's own, and than "Viewed Page" and "Viewed Screen". */
  events: chosenEvents(z.string().min(1).max(1_024)),
});
export type AmplitudeSettings = z.infer<typeof settings>;

export interface AmplitudeEvent {
  event_type: string;
  user_id?: string;
  device_id: string;
  /** Unix milliseconds. */
  time: number;
  /** What a repetition is told by, for 7 days, on the same device. */
  insert_id: string;
  event_properties?: Record<string, unknown>;
  user_properties?: Record<string, unknown>;
  groups?: Record<string, string>;
  group_properties?: Record<string, unknown>;
  [fact: string]: unknown;
}

const isOrder = eventTable({ "Order Completed": true });

export const amplitude = defineDestination<AmplitudeSettings, AmplitudeEvent>({
  name: "amplitude",
  title: "Amplitude",
  purpose: "analytics",
  settings,
  exampleSettings: { api_key: "0123456789abcdef0123456789abcdef" },
  // Under 2,000 events and 1 MB a request; 1,000 events a second on the smallest plan, ten of them a request.
  limits: {
    eventsPerRequest: 1_000,
    bytesPerRequest: 900_000,
    requestsPerSecond: 100,
    giveUpAfterHours: 168,
    timeoutMs: 15_000,
  },

  map(event, { events, group_type = "company" }): AmplitudeEvent | Skip {
    const event_type = nameOf(event, events);
    if (!event_type) return skip("event_not_mapped", "Amplitude joins devices and users by itself");
    if (event.type === "group" && !event.group_id) return skip("missing_field", "a group call needs its group_id");
    // Amplitude takes what is years old.
    const time = eventTime(event, Number.POSITIVE_INFINITY);
    if (isSkip(time)) return time;
    const group = event.group_id ?? text(record(event.context).group_id);
    return {
      event_type,
      device_id: event.anonymous_id,
      time: time.getTime(),
      insert_id: event.message_id,
      ...defined({
        user_id: event.user_id,
        groups: group ? { [group_type]: group } : undefined,
        event_properties: event.type === "track" ? unlessEmpty(event.properties) : pageProperties(event),
        user_properties: event.type === "identify" ? { $set: event.traits ?? {} } : undefined,
        group_properties: event.type === "group" ? { $set: event.traits ?? {} } : undefined,
        ...revenueOf(event),
        ...deviceOf(event),
      }),
    };
  },

  request(payloads, { api_key, region }) {
    return {
      url: `https://${region === "eu" ? "api.eu" : "api2"}.amplitude.com/2/httpapi`,
      method: "POST",
      headers: { "content-type": "application/json" },
      // Else ids of fewer than five characters are dropped, and with them the event.
      body: JSON.stringify({ api_key, events: payloads, options: { min_id_length: 1 } }),
    };
  },

  // https://amplitude.com/docs/apis/analytics/http-api-batching-retries
  outcome(response, payloads): Outcome | Outcome[] {
    const answer = record(response.json);
    const said = words(answer.error ?? response.body);
    if (response.status === 400) {
      if (/api[ _]?key/i.test(said)) return { outcome: "unauthorised", reason: said };
      return refused(answer, payloads, said);
    }
    if (response.status === 413) return refuse(payloads, "HTTP 413: the request is too large");
    if (response.status === 429) return throttled(answer, payloads, said);
    return requestOutcome(response, payloads);
  },

  examples: amplitudeExamples,
});

function nameOf(event: Event, chosen: Record<string, string> | undefined): string | undefined {
  if (chosen && Object.hasOwn(chosen, event.event)) return chosen[event.event];
  switch (event.type) {
    case "track":
      return event.event;
    case "page":
      return "Viewed Page";
    case "screen":
      return "Viewed Screen";
    case "identify":
      return "$identify";
    case "group":
      return "$groupidentify";
    case "alias":
      return undefined;
  }
}

function pageProperties({ type, properties, context: { page } }: Event): Record<string, unknown> | undefined {
  if (type !== "page" && type !== "screen") return undefined;
  const { url, path, title, referrer } = record(page);
  return unlessEmpty(defined({ url, path, title, referrer, ...properties }));
}

function revenueOf(event: Event) {
  return isOrder(event) ? { revenue: worthOf(event), currency: currencyOf(event) } : {};
}

function deviceOf({ type, context }: Event) {
  const { ip, user_agent, locale, location, device, os, session } = context;
  const { country, region, city, latitude, longitude } = record(location);
  const app = record(context.app);
  return {
    // Amplitude ends an event's session where it does not know another.
    session_id: session && Date.parse(session.started_at),
    platform: type === "screen" ? undefined : user_agent ? "Web" : undefined,
    // Without an address Amplitude would place everybody where our server is; so it is never left to guess.
    ip,
    user_agent,
    language: locale,
    country: text(country),
    region: text(region),
    city: text(city),
    location_lat: number(latitude),
    location_lng: number(longitude),
    os_name: os?.name,
    os_version: os?.version,
    device_brand: device?.vendor,
    device_model: device?.model,
    app_version: pick(app, "version"),
  };
}

/** The events at fault stand in lists of places, by field and by kind; the others were not taken either, and go again alone. */
function refused(answer: Record<string, unknown>, payloads: unknown[], said: string): Outcome | Outcome[] {
  const faults = new Map<number, string>();
  for (const kind of ["events_with_invalid_fields", "events_with_missing_fields", "events_with_invalid_id_lengths"]) {
    for (const [field, places] of Object.entries(record(answer[kind]))) {
      if (!Array.isArray(places)) continue;
      for (const place of places) faults.set(Number(place), `${kind.replaceAll("_", " ")}: ${field}`);
    }
  }
  if (Array.isArray(answer.silenced_events)) {
    for (const place of answer.silenced_events) faults.set(Number(place), "this device is silenced");
  }
  if (!faults.size) return refuse(payloads, said);
  return payloads.map((_, i): Outcome => {
    const reason = faults.get(i);
    if (reason !== undefined) return { outcome: "rejected", reason };
    return { outcome: "retry", reason: "another event of the request was refused", after_s: 0 };
  });
}

const THROTTLED_S = 30;
const QUOTA_S = 3_600;

/** Nobody's events were taken. Those of a user or device over its rate wait for half a minute, over its day's quota for longer. */
function throttled(answer: Record<string, unknown>, payloads: AmplitudeEvent[], said: string): Outcome[] {
  const places = new Set(Array.isArray(answer.throttled_events) ? answer.throttled_events : []);
  const exhausted = (list: unknown, id: string | undefined) =>
    id !== undefined && isRecord(list) && Object.hasOwn(list, id);
  return payloads.map(({ user_id, device_id }, i) => {
    const isOverQuota =
      exhausted(answer.exceeded_daily_quota_users, user_id) ||
      exhausted(answer.exceeded_daily_quota_devices, device_id);
    const waits = places.size === 0 || places.has(i);
    return { outcome: "retry", reason: said, after_s: isOverQuota ? QUOTA_S : waits ? THROTTLED_S : 1 };
  });
}
