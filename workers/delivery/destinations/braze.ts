// https://www.braze.com/docs/api/endpoints/user_data/post_user_track
import * as z from "zod";
import { currencyOf, eventTable, orderIdOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, number, pick, record, unlessEmpty } from "../../../core/values.ts";
import {
  defineDestination,
  eventTime,
  isSkip,
  type Outcome,
  type Skip,
  secret,
  skip,
  type VendorResponse,
} from "../destination.ts";
import { chosenEvents } from "../event-names.ts";
import { refuse, refuseSome, requestOutcome, words } from "../outcomes.ts";
import { brazeExamples } from "./braze.examples.ts";

const settings = z.object({
  /** The REST endpoint of the customer's instance, e.g. `rest.fra-01.braze.eu`. */
  rest_host: z
    .string()
    .regex(/^rest\.[a-z]{2,4}-\d{2}\.braze\.(com|eu)$/, "a REST endpoint looks like rest.fra-01.braze.eu"),
  /** A REST API key with the permission users.track. */
  api_key: secret(),
  /** Of the app in the workspace that the events are to be counted for. Absent: of none. */
  app_id: z.string().min(1).optional(),
  /** Events of people whom Braze does not know by a user_id yet, under an alias. Absent: they are not sent. */
  send_anonymous: z.boolean().optional(),
  /** Other names than the customer's own, and than Braze's for the shop's events. */
  events: chosenEvents(z.string().min(1).max(255)),
});
export type BrazeSettings = z.infer<typeof settings>;

type Who =
  | { external_id: string }
  | { user_alias: { alias_name: string; alias_label: string }; _update_existing_only: false };

/** Under the name of the request's list that it belongs into. */
export type BrazePayload =
  | {
      list: "events";
      entry: Who & { name: string; time: string; app_id?: string; properties?: Record<string, unknown> };
    }
  | { list: "attributes"; entry: Who & Record<string, unknown> };

/** https://www.braze.com/docs/user_guide/data/activation/events/recommended_events/ecommerce_events */
const SHOP_EVENTS = eventTable<{ name: string; properties: (event: Event) => Record<string, unknown> }>({
  "Product Viewed": { name: "ecommerce.product_viewed", properties: productViewed },
  "Checkout Started": { name: "ecommerce.checkout_started", properties: (event) => basket(event, "checkout_id") },
  "Order Completed": { name: "ecommerce.order_placed", properties: (event) => basket(event, "order_id") },
  "Order Refunded": { name: "ecommerce.order_refunded", properties: (event) => basket(event, "order_id") },
  "Order Cancelled": { name: "ecommerce.order_cancelled", properties: (event) => basket(event, "order_id") },
});

export const braze = defineDestination<BrazeSettings, BrazePayload>({
  name: "braze",
  title: "Braze",
  purpose: "marketing",
  settings,
  exampleSettings: { rest_host: "rest.fra-01.braze.eu", api_key: "example-braze-key" },
  // 75 entries of each list; 3,000 requests in three seconds. Braze has no field to tell a repetition by.
  limits: {
    eventsPerRequest: 75,
    bytesPerRequest: 3_500_000,
    requestsPerSecond: 250,
    giveUpAfterHours: 168,
    timeoutMs: 20_000,
  },

  map(event, { app_id, send_anonymous, events }): BrazePayload | Skip {
    const who = whoOf(event, send_anonymous);
    if (!who) return skip("missing_field", "Braze needs a user_id");
    if (event.type === "identify") return { list: "attributes", entry: { ...who, ...attributesOf(event) } };
    const shop = SHOP_EVENTS(event);
    const name = chosenName(event, events) ?? shop?.name ?? nameOf(event);
    if (!name) return skip("event_not_mapped", `Braze has no event for "${event.type}"`);
    // Braze takes what is years old; from the future it takes nothing.
    const time = eventTime(event, Number.POSITIVE_INFINITY);
    if (isSkip(time)) return time;
    const properties = unlessEmpty(withoutNull({ ...pageOf(event), ...event.properties, ...shop?.properties(event) }));
    return { list: "events", entry: { ...who, name, time: time.toISOString(), ...defined({ app_id, properties }) } };
  },

  request(payloads, { rest_host, api_key }) {
    const list = (name: BrazePayload["list"]) => payloads.filter((one) => one.list === name).map(({ entry }) => entry);
    const body = defined({ attributes: unlessEmpty(list("attributes")), events: unlessEmpty(list("events")) });
    return {
      url: `https://${rest_host}/users/track`,
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${api_key}` },
      body: JSON.stringify(body),
    };
  },

  // 201 with errors: those entries are wrong, the others are in. 400 with errors: every entry is wrong.
  outcome(response, payloads): Outcome | Outcome[] {
    const { message, errors } = record(response.json);
    if (response.status === 429) return tooOften(response);
    const named = (Array.isArray(errors) ? errors : []).filter(isRecord);
    if ((response.status === 201 || response.status === 400) && named.length) {
      const refused = new Map(named.flatMap((error) => placeOf(error, payloads)));
      if (response.status === 201 || refused.size === payloads.length) return refuseSome(payloads, refused);
    }
    if (response.status === 400) return refuse(payloads, words(message ?? response.body));
    return requestOutcome(response, payloads);
  },

  examples: brazeExamples,
});

function chosenName(event: Event, chosen: Record<string, string> | undefined): string | undefined {
  return chosen && Object.hasOwn(chosen, event.event) ? chosen[event.event] : undefined;
}

function nameOf(event: Event): string | undefined {
  if (event.type === "track") return event.event;
  return event.type === "page" ? "Viewed Page" : event.type === "screen" ? "Viewed Screen" : undefined;
}

function whoOf({ user_id, anonymous_id }: Event, sendAnonymous: boolean | undefined): Who | undefined {
  if (user_id) return { external_id: user_id };
  if (!sendAnonymous) return undefined;
  return { user_alias: { alias_name: anonymous_id, alias_label: "anonymous_id" }, _update_existing_only: false };
}

/** Traits that stand under Braze's own names. */
const KNOWN_TRAITS = new Set(
  `email phone phone_number phoneNumber first_name firstName firstname last_name lastName lastname gender birthday address
  date_of_birth dateOfBirth city country`.split(/\s+/),
);

function attributesOf(event: Event): Record<string, unknown> {
  const own = Object.entries(event.traits ?? {}).filter(
    ([trait]) => !KNOWN_TRAITS.has(trait) && !trait.startsWith("$"),
  );
  return { ...withoutNull(Object.fromEntries(own)), ...identifiers("braze", personOf(event)) };
}

/** Null and what is no number are refused by Braze, and a key must not begin with a dollar. */
function withoutNull(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([key, held]) => held !== null && held !== undefined && !key.startsWith("$")),
  );
}

function pageOf({ type, context: { page } }: Event): Record<string, unknown> {
  return type === "page" ? defined({ url: page?.url, title: page?.title, referrer: page?.referrer }) : {};
}

function productViewed(event: Event): Record<string, unknown> {
  const [product] = productsOf(event);
  return defined({
    product_id: product?.id,
    product_name: product?.name,
    // Braze wants one; a product that has no variants is its own.
    variant_id: product?.variant ?? product?.id,
    price: product?.price,
    currency: currencyOf(event),
    source: sourceOf(event),
  });
}

function basket(event: Event, idField: string): Record<string, unknown> {
  return defined({
    [idField]: orderIdOf(event) ?? pick(event.properties, idField),
    total_value: worthOf(event),
    currency: currencyOf(event),
    products: productsOf(event).map(({ id, name, variant, quantity, price }) =>
      defined({ product_id: id, product_name: name ?? id, variant_id: variant ?? id, quantity: quantity ?? 1, price }),
    ),
    source: sourceOf(event),
  });
}

function sourceOf({ context: { page } }: Event): string {
  return page?.url ?? "server";
}

/** Errors count within their list; ours are in the order of the payloads. */
function placeOf(error: Record<string, unknown>, payloads: BrazePayload[]): [number, string][] {
  const index = number(error.index);
  const list = pick(error, "input_array");
  if (index === undefined) return [];
  const places = payloads.flatMap((payload, i) => (payload.list === list ? [i] : []));
  const place = places[index];
  return place === undefined ? [] : [[place, words(error.type)]];
}

/** Braze says when its window ends in seconds since 1970: measured by the clock of its own answer. */
function tooOften({ status, headers }: VendorResponse): Outcome {
  const reason = `HTTP ${status}: too many requests`;
  const wait = Number(headers["x-ratelimit-reset"]) - Date.parse(headers.date ?? "") / 1_000;
  return Number.isFinite(wait)
    ? { outcome: "retry", reason, after_s: Math.max(1, Math.ceil(wait)) }
    : { outcome: "retry", reason };
}
