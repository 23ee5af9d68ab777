// https://docs.mixpanel.com/reference/import-events and https://docs.mixpanel.com/reference/profile-set
import * as z from "zod";
import type { Event } from "../../../core/event.ts";
import { sha256 } from "../../../core/hash.ts";
import { personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, number, record, text } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents } from "../event-names.ts";
import { refuse, refuseSome, requestOutcome, words } from "../outcomes.ts";
import { mixpanelExamples } from "./mixpanel.examples.ts";

const settings = z.object({
  /** Of the project, which has to be on "Simplified ID Merge". */
  project_token: secret(),
  /** Where the project's data are kept. Absent: us. */
  region: z.enum(["us", "eu", "in"]).optional(),
  /** The group key under which a `group` call's id stands in the events. Absent: none. */
  group_key: z.string().min(1).max(255).optional(),
  /** Other names than the customer's own, and than "Viewed Page" and "Viewed Screen". */
  events: chosenEvents(z.string().min(1).max(255)),
});
export type MixpanelSettings = z.infer<typeof settings>;

/** What people did goes to one address, what they are to another. */
export type MixpanelPayload =
  | { kind: "event"; event: string; properties: Record<string, unknown> }
  | { kind: "profile"; $distinct_id: string; $ip: string; $set: Record<string, unknown> };

export const mixpanel = defineDestination<MixpanelSettings, MixpanelPayload>({
  name: "mixpanel",
  title: "Mixpanel",
  purpose: "analytics",
  settings,
  exampleSettings: { project_token: "0123456789abcdef0123456789abcdef" },
  // 2,000 events and 10 MB a request; about 30,000 events a second.
  limits: {
    eventsPerRequest: 2_000,
    bytesPerRequest: 9_500_000,
    requestsPerSecond: 100,
    giveUpAfterHours: 168,
    timeoutMs: 30_000,
  },
  groupBy: ({ kind }) => kind,

  map(event, settings): MixpanelPayload | Skip {
    if (event.type === "identify") return profileOf(event);
    const name = nameOf(event, settings.events);
    if (!name)
      return skip("event_not_mapped", "Mixpanel joins devices and users by itself, and has groups in the events");
    // Since 1971 everything counts, up to an hour ahead.
    const time = eventTime(event, Number.POSITIVE_INFINITY);
    if (isSkip(time)) return time;
    const who = event.user_id ?? event.anonymous_id;
    if (NOBODY.has(who.toLowerCase())) return skip("invalid_value", `Mixpanel takes "${who}" for nobody's id`);
    return { kind: "event", event: name, properties: propertiesOf(event, time, settings.group_key) };
  },

  request(payloads, { project_token, region }) {
    const host = region === "eu" || region === "in" ? `api-${region}.mixpanel.com` : "api.mixpanel.com";
    const headers = { "content-type": "application/json" };
    if (payloads[0]!.kind === "profile") {
      const profiles = payloads.map(({ kind: _, ...profile }) => ({ $token: project_token, ...profile }));
      return { url: `https://${host}/engage?verbose=1`, method: "POST", headers, body: JSON.stringify(profiles) };
    }
    return {
      // Strict: every event is checked and answered for.
      url: `https://${host}/import?strict=1`,
      method: "POST",
      headers: { ...headers, authorization: `Basic ${btoa(`${project_token}:`)}` },
      body: JSON.stringify(payloads.map(({ kind: _, ...event }) => event)),
    };
  },

  // https://docs.mixpanel.com/troubleshooting/errors/400-bad-request: those that are not named in a 400 were imported.
  outcome(response, payloads): Outcome | Outcome[] {
    const { failed_records, status, error } = record(response.json);
    if (response.status === 400 && Array.isArray(failed_records) && failed_records.length) {
      const failed = failed_records.filter(isRecord).flatMap((one): [number, string][] => {
        const index = number(one.index);
        return index === undefined ? [] : [[index, words(one.message)]];
      });
      return refuseSome(payloads, new Map(failed));
    }
    // Profiles: 1 is yes and 0 is no, both with HTTP 200.
    if (response.status === 200 && status === 0) {
      if (/token/i.test(String(error))) return { outcome: "unauthorised", reason: words(error) };
      return refuse(payloads, words(error));
    }
    return requestOutcome(response, payloads);
  },

  examples: mixpanelExamples,
});

/** Ids that tell of a mistake in an implementation, which Mixpanel refuses. */
const NOBODY = new Set(
  `00000000-0000-0000-0000-000000000000 anon anonymous nil none null n/a na undefined unknown -1 0 [] {} false true`.split(
    " ",
  ),
);

function nameOf(event: Event, chosen: Record<string, string> | undefined): string | undefined {
  if (chosen && Object.hasOwn(chosen, event.event)) return chosen[event.event];
  if (event.type === "track") return event.event;
  return event.type === "page" ? "Viewed Page" : event.type === "screen" ? "Viewed Screen" : undefined;
}

/** At most 36 letters, digits and dashes. */
function insertId(messageId: string): string {
  return /^[A-Za-z0-9-]{1,36}$/.test(messageId) ? messageId : sha256(messageId).slice(0, 36);
}

function propertiesOf(event: Event, time: Date, groupKey: string | undefined): Record<string, unknown> {
  const { anonymous_id, user_id, context } = event;
  const { page, ip, browser, os, device, campaign, location } = context;
  const { width, height } = record(context.screen);
  const group = groupKey && (event.group_id ?? text(record(context).group_id));
  return {
    ...event.properties,
    ...(group && { [groupKey]: group }),
    time: time.getTime(),
    distinct_id: user_id ?? `$device:${anonymous_id}`,
    $insert_id: insertId(event.message_id),
    $device_id: anonymous_id,
    ...defined({
      $user_id: user_id,
      ip,
      $current_url: page?.url,
      $referrer: page?.referrer,
      current_page_title: page?.title,
      $browser: browser?.name,
      $browser_version: browser?.version,
      $os: os?.name,
      $os_version: os?.version,
      $device: device?.model,
      $screen_width: number(width),
      $screen_height: number(height),
      // Mixpanel places people by `ip` itself; these help where there is none.
      $city: ip ? undefined : text(record(location).city),
      mp_country_code: ip ? undefined : text(record(location).country),
      ...Object.fromEntries(
        Object.entries(campaign ?? {}).map(([key, value]) => [`utm_${key === "name" ? "campaign" : key}`, value]),
      ),
      mp_lib: "millrace",
    }),
  };
}

function profileOf(event: Event): MixpanelPayload | Skip {
  if (!event.user_id) return skip("missing_field", "a profile needs a user_id: of visitors Mixpanel keeps none");
  if (NOBODY.has(event.user_id.toLowerCase()))
    return skip("invalid_value", `Mixpanel takes "${event.user_id}" for nobody's id`);
  const { email, phone, first_name, last_name } = personOf(event);
  const { name, avatar, createdAt, created_at, ...others } = record(event.traits);
  const own = Object.entries(others).filter(([trait]) => !KNOWN_TRAITS.has(trait));
  return {
    kind: "profile",
    $distinct_id: event.user_id,
    // 0: not placed by where this request comes from.
    $ip: event.context.ip ?? "0",
    $set: {
      ...Object.fromEntries(own),
      ...defined({
        $email: email,
        $phone: phone,
        $first_name: first_name,
        $last_name: last_name,
        $name: text(name),
        $avatar: text(avatar),
        $created: text(createdAt) ?? text(created_at),
      }),
    },
  };
}

/** Told under Mixpanel's own names. */
const KNOWN_TRAITS = new Set(
  "email phone phone_number phoneNumber first_name firstName firstname last_name lastName lastname".split(" "),
);
