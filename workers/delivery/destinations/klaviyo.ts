// https://developers.klaviyo.com/en/reference/bulk_create_events and /bulk_import_profiles
import { isValidPhoneNumber } from "libphonenumber-js/min";
import * as z from "zod";
import { currencyOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, pick, record, unlessEmpty } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents, standardEvents } from "../event-names.ts";
import { refuse, requestOutcome, words } from "../outcomes.ts";
import { klaviyoExamples } from "./klaviyo.examples.ts";

/** Klaviyo serves a revision for two years. */
const REVISION = "2026-07-15";

const settings = z.object({
  /** A private key, `pk_…`, that may write events and profiles. */
  api_key: secret(),
  /** Before Klaviyo's standard metrics. `page` has none of its own: `{ "page": "Viewed Page" }`. */
  events: chosenEvents(z.string().min(1).max(127)),
});
export type KlaviyoSettings = z.infer<typeof settings>;

/** Of a person what is known, in clear: Klaviyo writes to them. */
type Profile = Record<string, unknown>;

/** What people did goes to one address, what they are to another. */
export type KlaviyoPayload =
  | {
      kind: "event";
      profile: Profile;
      attributes: {
        metric: string;
        /** ISO 8601. */
        time: string;
        unique_id: string;
        value?: number;
        value_currency?: string;
        properties: Record<string, unknown>;
      };
    }
  | { kind: "profile"; profile: Profile };

/** Segment's event → Klaviyo's metric. Any other `track` keeps its name. */
const metricOf = standardEvents<string>(
  {
    "Products Searched": "Searched Site",
    "Product List Viewed": "Viewed Collection",
    "Product Viewed": "Viewed Product",
    "Product Added": "Added to Cart",
    "Checkout Started": "Started Checkout",
    "Order Completed": "Placed Order",
    "Order Refunded": "Refunded Order",
    "Order Cancelled": "Cancelled Order",
  },
  {},
);

export const klaviyo = defineDestination<KlaviyoSettings, KlaviyoPayload>({
  name: "klaviyo",
  title: "Klaviyo",
  purpose: "marketing",
  settings,
  exampleSettings: { api_key: "pk_example-private-key" },
  // Bulk requests: 1,000 events and 5 MB, 150 a minute.
  limits: {
    eventsPerRequest: 1_000,
    bytesPerRequest: 4_500_000,
    requestsPerSecond: 2,
    giveUpAfterHours: 168,
    timeoutMs: 20_000,
  },
  groupBy: ({ kind }) => kind,

  map(event, { events }): KlaviyoPayload | Skip {
    const metric = metricOf(event, events) ?? (event.type === "track" ? event.event : undefined);
    if (!metric && event.type !== "identify") return skip("event_not_mapped", `no metric is set for "${event.type}"`);
    const profile = profileOf(event);
    // Somebody known by a cookie alone can be written to by nobody, and would be billed as a profile.
    if (!profile.email && !profile.phone_number && !profile.external_id) {
      return skip("missing_field", "Klaviyo needs an e-mail, a phone number or a user_id");
    }
    if (!metric) return { kind: "profile", profile };
    const time = eventTime(event, Number.POSITIVE_INFINITY);
    if (isSkip(time)) return time;
    const value_currency = currencyOf(event);
    return {
      kind: "event",
      profile,
      attributes: {
        metric,
        time: time.toISOString(),
        // Without it Klaviyo takes two events within a second for one.
        unique_id: event.message_id,
        ...defined({ value: worthOf(event), value_currency }),
        properties: { ...pageOf(event), ...event.properties },
      },
    };
  },

  request(payloads, { api_key }) {
    const isEvents = payloads[0]!.kind === "event";
    return {
      url: `https://a.klaviyo.com/api/${isEvents ? "event-bulk-create-jobs" : "profile-bulk-import-jobs"}`,
      method: "POST",
      headers: {
        "content-type": "application/vnd.api+json",
        accept: "application/vnd.api+json",
        authorization: `Klaviyo-API-Key ${api_key}`,
        revision: REVISION,
      },
      body: JSON.stringify({
        data: isEvents
          ? { type: "event-bulk-create-job", attributes: { "events-bulk-create": { data: payloads.map(eventEntry) } } }
          : { type: "profile-bulk-import-job", attributes: { profiles: { data: payloads.map(profileEntry) } } },
      }),
    };
  },

  // 202 says that Klaviyo has checked the request and will work through it. An error points at the entry that it is about.
  outcome(response, payloads): Outcome | Outcome[] {
    const { errors } = record(response.json);
    if (response.status !== 400 || !Array.isArray(errors)) return requestOutcome(response, payloads);
    const said = errors.filter(isRecord).map((error) => ({
      place: /\/data\/(\d+)\//.exec(pick(record(error.source), "pointer") ?? "")?.[1],
      reason: words(pick(error, "detail", "title")),
    }));
    const faults = new Map(
      said.flatMap(({ place, reason }) => (place === undefined ? [] : [[Number(place), reason] as const])),
    );
    if (!faults.size) return refuse(payloads, said.map(({ reason }) => reason).join("; ") || "HTTP 400");
    return payloads.map((_, i): Outcome => {
      const reason = faults.get(i);
      if (reason !== undefined) return { outcome: "rejected", reason };
      return { outcome: "retry", reason: "another entry of the request was refused", after_s: 0 };
    });
  },

  examples: klaviyoExamples,
});

function eventEntry(payload: KlaviyoPayload): object {
  if (payload.kind !== "event") return {};
  const { metric, ...attributes } = payload.attributes;
  return {
    type: "event-bulk-create",
    attributes: {
      profile: { data: { type: "profile", attributes: payload.profile } },
      events: {
        data: [
          {
            type: "event",
            attributes: { ...attributes, metric: { data: { type: "metric", attributes: { name: metric } } } },
          },
        ],
      },
    },
  };
}

function profileEntry({ profile }: KlaviyoPayload): object {
  return { type: "profile", attributes: profile };
}

/** Traits that Klaviyo knows by names of its own, which stand beside `properties`. */
const KNOWN_TRAITS = new Set(
  `email phone phone_number phoneNumber first_name firstName firstname last_name lastName lastname address organization company
  title locale avatar`.split(/\s+/),
);

function profileOf(event: Event): Profile {
  const person = personOf(event);
  const { phone_number, ...known } = identifiers("klaviyo", person);
  const traits = event.type === "identify" ? record(event.traits) : {};
  const own = Object.fromEntries(Object.entries(traits).filter(([trait]) => !KNOWN_TRAITS.has(trait)));
  const location = defined({
    address1: person.street,
    city: person.city,
    region: person.state,
    zip: person.postal_code,
    country: person.country,
    ip: event.context.ip,
  });
  return {
    ...known,
    ...defined({
      // A number that cannot be dialled costs the whole event.
      phone_number: phone_number && isValidPhoneNumber(phone_number) ? phone_number : undefined,
      anonymous_id: event.anonymous_id,
      organization: pick(traits, "organization") ?? pick(record(traits.company), "name"),
      title: pick(traits, "title"),
      locale: event.context.locale,
      location: unlessEmpty(location),
      properties: unlessEmpty(own),
    }),
  };
}

function pageOf({ type, context: { page } }: Event): Record<string, unknown> {
  return type === "page" ? defined({ url: page?.url, title: page?.title, referrer: page?.referrer }) : {};
}
