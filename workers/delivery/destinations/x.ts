// https://docs.x.com/x-ads-api/measurement/web-conversions
import * as z from "zod";
import { currencyOf, piecesOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, pick, record, unlessEmpty } from "../../../core/values.ts";
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
import { standardEvents } from "../event-names.ts";
import { refuse, requestOutcome, words } from "../outcomes.ts";
import { clickOf, visitOf } from "../visit.ts";
import { xExamples } from "./x.examples.ts";

/** Of the API; X asks for it in the address and in a header. */
const VERSION = "12";

const settings = z.object({
  /** The pixel's id in base 36. */
  pixel_id: z.string().regex(/^[a-z0-9]+$/, "a pixel id is small letters and digits"),
  /** The conversion token of Events Manager; X ends the older signatures (OAuth 1.0a) in December 2026. */
  access_token: secret(),
  /**
   * Which event of Events Manager an event is, by its name or type: `{ "Order Completed": "tw-o5h34-o9p5x" }`. X has no names
   * of its own, so an event without one is not sent.
   */
  events: z.record(
    z.string().min(1).max(256),
    z.string().regex(/^(tw-[a-z0-9]+-)?[a-z0-9]+$/, "an event's id looks like tw-o5h34-o9p5x"),
  ),
});
export type XSettings = z.infer<typeof settings>;

export interface XConversion {
  /** ISO 8601. */
  conversion_time: string;
  event_id: string;
  identifiers: Record<string, string>[];
  /** What a repetition, of the pixel too, is told by. */
  conversion_id: string;
  price_currency?: string;
  value?: number;
  number_items?: number;
  search_string?: string;
  contents?: object[];
}

const eventIdOf = standardEvents<string>({}, {});

export const x = defineDestination<XSettings, XConversion>({
  name: "x",
  title: "X Conversion API",
  purpose: "marketing",
  settings,
  exampleSettings: {
    pixel_id: "o5h34",
    access_token: "example-x-token",
    events: { "Order Completed": "tw-o5h34-o9p5x", "Signed Up": "tw-o5h34-o9p5y", page: "tw-o5h34-o9p5z" },
  },
  // 60,000 requests per 15 minutes and account on the older of the two pages that name a number.
  limits: { eventsPerRequest: 500, requestsPerSecond: 60, giveUpAfterHours: 168, timeoutMs: 10_000 },

  identifiersIn: ({ identifiers }) => identifiers.flatMap((one) => Object.keys(one)),

  map(event, { events }): XConversion | Skip {
    const event_id = eventIdOf(event, events);
    if (!event_id) return skip("event_not_mapped", `no event of Events Manager is set for "${event.event}"`);
    // X publishes no limit; its longest attribution window is 30 days.
    const time = eventTime(event, 30 * 24);
    if (isSkip(time)) return time;
    const found = identifiersOf(event);
    if (!found.length) {
      return skip(
        "missing_field",
        "X needs a click, an e-mail, a phone, or the IP address and the user agent together",
      );
    }
    return {
      conversion_time: time.toISOString(),
      event_id,
      identifiers: found,
      conversion_id: event.message_id,
      ...commerceOf(event),
    };
  },

  request(payloads, { pixel_id, access_token }) {
    return {
      url: `https://ads-api.x.com/${VERSION}/measurement/conversions/${pixel_id}`,
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${access_token}`,
        "x-twitter-api-version": VERSION,
      },
      body: JSON.stringify({ conversions: payloads }),
    };
  },

  // https://developer.x.com/en/docs/x-ads-api/measurement/web-conversions/troubleshooting: one error fails the whole request.
  outcome(response, payloads): Outcome {
    const { errors } = record(response.json);
    if (response.status === 429) return tooOften(response);
    if (response.status !== 400 || !Array.isArray(errors)) return requestOutcome(response, payloads);
    const said = errors
      .filter(isRecord)
      .map((one) => `${pick(one, "message") ?? ""} (${pick(one, "code") ?? "no code"})`);
    return refuse(payloads, words(said.join("; ")));
  },

  examples: xExamples,
});

/** X says when its window ends in seconds since 1970: measured by the clock of its own answer. */
function tooOften({ status, headers }: VendorResponse): Outcome {
  const reason = `HTTP ${status}: too many requests`;
  const wait = Number(headers["x-rate-limit-reset"]) - Date.parse(headers.date ?? "") / 1_000;
  return Number.isFinite(wait)
    ? { outcome: "retry", reason, after_s: Math.max(1, Math.ceil(wait)) }
    : { outcome: "retry", reason };
}

/** Each is one object; an address and a browser say something only together. */
function identifiersOf(event: Event): XConversion["identifiers"] {
  const { hashed_email, hashed_phone_number } = identifiers("x", personOf(event));
  const { ip, user_agent } = visitOf(event);
  const twclid = clickOf(event, "twclid");
  const found: XConversion["identifiers"] = [];
  if (twclid) found.push({ twclid });
  if (hashed_email) found.push({ hashed_email });
  if (hashed_phone_number) found.push({ hashed_phone_number });
  if (ip && user_agent) found.push({ ip_address: ip, user_agent });
  return found;
}

function commerceOf(event: Event) {
  if (event.type === "page") return {};
  const products = productsOf(event);
  const price_currency = currencyOf(event);
  return defined({
    price_currency,
    // Without its currency it would be taken for dollars.
    value: price_currency === undefined ? undefined : worthOf(event),
    number_items: products.length ? piecesOf(products) : undefined,
    search_string: pick(event.properties, "query", "search_string"),
    contents: unlessEmpty(
      products.map(({ id, name, category, price, quantity }) =>
        defined({
          content_id: id,
          content_name: name,
          content_type: category,
          content_price: price === undefined ? undefined : String(price),
          num_items: quantity ?? 1,
        }),
      ),
    ),
  });
}
