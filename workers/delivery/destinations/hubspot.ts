// https://developers.hubspot.com/docs/api-reference/latest/events/send-event-data/guide and /latest/crm/objects/contacts/guide
import * as z from "zod";
import type { Event } from "../../../core/event.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, pick, record, type Scalar, scalar } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { standardEvents } from "../event-names.ts";
import { refuseSome, requestOutcome, words } from "../outcomes.ts";
import { hubspotExamples } from "./hubspot.examples.ts";

/** HubSpot's versions are dates, and each is served for 18 months at least. */
const VERSION = "2026-03";

const propertyName = z
  .string()
  .regex(/^[a-z]\w*$/, "a property's name in HubSpot is small letters, digits and underscores");

const settings = z.object({
  /** Of a private app, with analytics.behavioral_events.send and crm.objects.contacts.write. */
  access_token: secret(),
  /**
   * Which event definition of the portal an event is, by its name or type: `{ "Order Completed": "pe123_order_completed" }`.
   * HubSpot refuses those that nobody defined, so an event without one is not sent.
   */
  events: z.record(
    z.string().min(1).max(256),
    z.string().regex(/^pe\d+_\w+$/, "an event's full name looks like pe123_order_completed"),
  ),
  /** Properties of the events that their definitions know. HubSpot's own (`hs_page_url`, …) go without being named. */
  event_properties: z.array(propertyName).max(50).optional(),
  /** Traits that an identify writes to properties of the same name. HubSpot's own (`email`, `firstname`, …) need not be named. */
  contact_properties: z.array(propertyName).max(200).optional(),
});
export type HubspotSettings = z.infer<typeof settings>;

/** What people did goes to one address, what they are to another. */
export type HubspotPayload =
  | {
      kind: "event";
      input: {
        eventName: string;
        /** ISO 8601. */
        occurredAt: string;
        uuid: string;
        email?: string;
        utk?: string;
        properties: Record<string, Scalar>;
      };
    }
  | { kind: "contact"; input: { id: string; idProperty: "email"; properties: Record<string, Scalar> } };

const definitionOf = standardEvents<string>({}, {});

export const hubspot = defineDestination<HubspotSettings, HubspotPayload>({
  name: "hubspot",
  title: "HubSpot",
  purpose: "marketing",
  settings,
  exampleSettings: {
    access_token: "pat-eu1-example-token",
    events: { "Order Completed": "pe123_order_completed", page: "pe123_page_viewed" },
    event_properties: ["order_id", "revenue", "currency"],
    contact_properties: ["plan"],
  },
  // 100 contacts or 500 events a request; 100 requests in ten seconds on the smallest plan.
  limits: { eventsPerRequest: 100, requestsPerSecond: 10, giveUpAfterHours: 168, timeoutMs: 20_000 },
  groupBy: ({ kind }) => kind,

  map(event, { events, event_properties, contact_properties }): HubspotPayload | Skip {
    const eventName = definitionOf(event, events);
    if (!eventName && event.type !== "identify")
      return skip("event_not_mapped", `no definition is set for "${event.event}"`);
    const { email, ...contact } = identifiers("hubspot", personOf(event));
    if (!eventName) {
      if (!email) return skip("missing_field", "a contact is known by its e-mail");
      return {
        kind: "contact",
        input: {
          id: email,
          idProperty: "email",
          properties: { ...chosen(record(event.traits), contact_properties), ...contact, email },
        },
      };
    }
    const utk = event.context.vendor_ids?.hubspotutk;
    if (!email && !utk) return skip("missing_field", "HubSpot needs an e-mail or its cookie hubspotutk");
    const time = eventTime(event, Number.POSITIVE_INFINITY);
    if (isSkip(time)) return time;
    return {
      kind: "event",
      input: {
        eventName,
        occurredAt: time.toISOString(),
        // What a repetition is told by.
        uuid: event.message_id,
        ...defined({ email, utk }),
        properties: { ...ownProperties(event), ...chosen(event.properties, event_properties) },
      },
    };
  },

  request(payloads, { access_token }) {
    const isEvents = payloads[0]!.kind === "event";
    return {
      url: `https://api.hubapi.com/${isEvents ? `events/${VERSION}/send/batch` : `crm/objects/${VERSION}/contacts/batch/upsert`}`,
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${access_token}` },
      body: JSON.stringify({ inputs: isEvents ? payloads.map(({ input }) => input) : onePerContact(payloads) }),
    };
  },

  outcome(response, payloads): Outcome | Outcome[] {
    const answer = record(response.json);
    // Contacts: some were written. An error names them by their id.
    if (response.status === 207 && Array.isArray(answer.errors)) {
      const reasons = new Map(answer.errors.filter(isRecord).flatMap(errorOfIds));
      const refused = payloads.flatMap(({ input }, i): [number, string][] => {
        const reason = "id" in input ? reasons.get(input.id) : undefined;
        return reason === undefined ? [] : [[i, reason]];
      });
      return refuseSome(payloads, new Map(refused));
    }
    if (response.status === 429) {
      const isDaily = answer.policyName === "DAILY";
      return { outcome: "retry", reason: words(answer.message ?? "HTTP 429"), after_s: isDaily ? 3_600 : 10 };
    }
    // Locked while another request writes; the account moves to another data centre.
    if (response.status === 423 || response.status === 477)
      return { outcome: "retry", reason: `HTTP ${response.status}` };
    return requestOutcome(response, payloads);
  },

  examples: hubspotExamples,
});

function errorOfIds(error: Record<string, unknown>): [string, string][] {
  const { ids, id } = record(error.context);
  const named = [ids, id].flat().filter((one) => typeof one === "string");
  return named.map((one) => [one, words(pick(error, "message", "category"))]);
}

/** A batch may name a contact once: what was told of them later stands. */
function onePerContact(payloads: HubspotPayload[]): object[] {
  const contacts = new Map<string, HubspotPayload["input"]>();
  for (const { kind, input } of payloads) {
    if (kind !== "contact") continue;
    const before = contacts.get(input.id);
    contacts.set(input.id, { ...input, properties: { ...before?.properties, ...input.properties } });
  }
  return [...contacts.values()];
}

function chosen(from: Record<string, unknown>, wanted: string[] = []): Record<string, Scalar> {
  return defined(Object.fromEntries(wanted.map((name) => [name, scalar(from[name])]))) as Record<string, Scalar>;
}

/** Every definition has these: https://developers.hubspot.com/docs/api-reference/latest/events/event-definitions/guide */
function ownProperties({ context: { page, browser, os, device, locale, location } }: Event): Record<string, Scalar> {
  const { city, region, country } = record(location);
  return defined({
    hs_page_url: page?.url,
    hs_page_title: page?.title,
    hs_referrer: page?.referrer,
    hs_browser: browser?.name,
    hs_operating_system: os?.name,
    hs_device_type: device?.type,
    hs_language: locale,
    hs_city: scalar(city),
    hs_region: scalar(region),
    hs_country: scalar(country),
  }) as Record<string, Scalar>;
}
