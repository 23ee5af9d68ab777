// https://developers.google.com/data-manager/api/reference/rest/v1/events/ingest
import * as z from "zod";
import { clickIdsOf } from "../../../core/click-ids.ts";
import { currencyOf, orderIdOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, pick, record, unlessEmpty } from "../../../core/values.ts";
import { googleAccountKey } from "../authentication.ts";
import {
  defineDestination,
  eventTime,
  httpOutcome,
  isSkip,
  type Outcome,
  type Skip,
  secret,
  skip,
  type VendorResponse,
} from "../destination.ts";
import { googleAdsExamples } from "./google-ads.examples.ts";

const accountId = (what: string) =>
  z
    .string()
    .regex(/^\d{3}-?\d{3}-?\d{4}$/, `is ${what}: ten digits`)
    .transform((id) => id.replaceAll("-", ""));

const settings = z
  .object({
    /** The Google Ads account that the conversions belong to. */
    customer_id: accountId("an account's id"),
    /** The manager account through which we reach it. */
    login_customer_id: accountId("a manager account's id").optional(),
    /** Event → id of a conversion action (of the type "import"), e.g. `{"Order Completed": "123456789"}`. Other events are not sent. */
    conversion_actions: z
      .record(z.string().min(1), z.string().regex(/^\d+$/, "a conversion action's id is digits only"))
      .refine((actions) => Object.keys(actions).length > 0, "names no event"),
    event_source: z.enum(["WEB", "APP", "IN_STORE", "PHONE", "MESSAGE", "OTHER"]).default("WEB"),
    /** Of the Merchant Center: an order's products are then told. */
    merchant_id: z.string().regex(/^\d+$/, "is digits only").optional(),
    /** Google checks the requests and counts nothing. */
    test_mode: z.boolean().default(false),
    /** With access to the account; or an OAuth app, by which a person with access connects. */
    service_account: googleAccountKey().optional(),
    client_id: z.string().min(1).optional(),
    client_secret: secret().optional(),
  })
  .refine(
    ({ service_account, client_id, client_secret }) => service_account || (client_id && client_secret),
    "needs service_account, or client_id and client_secret",
  );
export type GoogleAdsSettings = z.infer<typeof settings>;

const SCOPE = "https://www.googleapis.com/auth/datamanager";

export interface GoogleAdsPayload {
  conversion_action: string;
  event: Record<string, unknown>;
}

export const googleAds = defineDestination<GoogleAdsSettings, GoogleAdsPayload>({
  name: "google_ads",
  title: "Google Ads (Data Manager API)",
  purpose: "marketing",
  settings,
  exampleSettings: {
    customer_id: "1234567890",
    conversion_actions: { "Order Completed": "123456789", "Signed Up": "987654321" },
    event_source: "WEB",
    test_mode: false,
    client_id: "example.apps.googleusercontent.com",
    client_secret: "example-client-secret",
  },
  // https://developers.google.com/data-manager/api/limits: 2,000 events a request, 300 requests a minute.
  limits: { eventsPerRequest: 2_000, requestsPerSecond: 5, giveUpAfterHours: 168, timeoutMs: 20_000 },
  authentication({ service_account, client_id, client_secret }) {
    if (service_account) return { scheme: "google_service_account", key: service_account, scope: SCOPE };
    return {
      scheme: "oauth2",
      provider: "google",
      scopes: [SCOPE],
      client_id: client_id!,
      client_secret: client_secret!,
    };
  },
  groupBy: ({ conversion_action }) => conversion_action,

  map(event, settings): GoogleAdsPayload | Skip {
    const conversion_action = actionFor(event, settings.conversion_actions);
    if (!conversion_action) return skip("event_not_mapped", `no conversion action for "${event.event}"`);
    // A click is remembered for 90 days: https://support.google.com/google-ads/answer/2998031
    const time = eventTime(event, 90 * 24);
    if (isSkip(time)) return time;
    const consent = consentOf(event);
    // Whoever refused that their data are used for ads is told by the click alone.
    const userData = consent?.adUserData === "CONSENT_DENIED" ? undefined : userDataOf(event);
    const adIdentifiers = adIdentifiersOf(event);
    if (!userData && !adIdentifiers.isClick) {
      return skip(
        "missing_field",
        "neither a click id (gclid, gbraid, wbraid) nor an e-mail address, phone or address",
      );
    }
    const currency = currencyOf(event);
    return {
      conversion_action,
      event: defined({
        eventTimestamp: time.toISOString(),
        // An order has its own number in the tag too, so that both count once.
        transactionId: orderIdOf(event) ?? event.message_id,
        eventSource: settings.event_source,
        adIdentifiers: unlessEmpty(adIdentifiers.fields),
        userData,
        consent,
        currency,
        // Without its currency a value says nothing.
        conversionValue: currency && worthOf(event),
        cartData: settings.merchant_id ? cartOf(event, settings.merchant_id) : undefined,
      }),
    };
  },

  request(payloads, { customer_id, login_customer_id, test_mode }, { token }) {
    const ads = (accountId: string) => ({ accountType: "GOOGLE_ADS", accountId });
    return {
      url: "https://datamanager.googleapis.com/v1/events:ingest",
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({
        destinations: [
          {
            operatingAccount: ads(customer_id),
            ...(login_customer_id && { loginAccount: ads(login_customer_id) }),
            productDestinationId: payloads[0]!.conversion_action,
          },
        ],
        encoding: "HEX",
        ...(test_mode && { validateOnly: true }),
        events: payloads.map(({ event }) => event),
      }),
    };
  },

  // https://developers.google.com/data-manager/api/devguides/concepts/understand-errors: one bad event, and none is taken.
  outcome(response, payloads): Outcome | Outcome[] {
    if (response.status === 200) return { outcome: "delivered" };
    const { status, reasons, violations, reason } = errorOf(response);
    if (PASSING.has(status)) {
      const waiting = httpOutcome({ ...response, status: 503 });
      return { ...waiting, reason } as Outcome;
    }
    if (status === "UNAUTHENTICATED" || status === "PERMISSION_DENIED" || reasons.some((one) => SETTINGS.test(one))) {
      return { outcome: "unauthorised", reason };
    }
    const named = new Map(violations.map(({ index, words }) => [index, words]));
    if (named.size > 0 && payloads.some((_, i) => named.has(i))) {
      // The others are good and were not taken: they are sent again at once, without those.
      return payloads.map((_, i): Outcome => {
        const words = named.get(i);
        return words ? { outcome: "rejected", reason: words } : { outcome: "batch_refused", reason };
      });
    }
    if (status === "INVALID_ARGUMENT" || status === "FAILED_PRECONDITION" || response.status === 413) {
      return payloads.length > 1 ? { outcome: "batch_refused", reason } : { outcome: "rejected", reason };
    }
    return httpOutcome(response);
  },

  examples: googleAdsExamples,
});

function actionFor({ event }: Event, actions: Record<string, string>): string | undefined {
  const wanted = event.trim().toLowerCase();
  return Object.entries(actions).find(([name]) => name.trim().toLowerCase() === wanted)?.[1];
}

function adIdentifiersOf(event: Event) {
  const { gclid, gbraid, wbraid } = clickIdsOf(event.context);
  const { ip: ipAddress, user_agent: userAgent } = event.context;
  const clicks = defined({ gclid, gbraid, wbraid });
  const device = unlessEmpty(defined({ ipAddress, userAgent }));
  return {
    isClick: Object.keys(clicks).length > 0,
    fields: defined({ ...clicks, landingPageDeviceInfo: device }),
  };
}

/** At most ten identifiers, each an object of its own; an address needs all four of its parts. */
function userDataOf(event: Event): { userIdentifiers: object[] } | undefined {
  const found = identifiers("google_ads", personOf(event));
  const { emailAddress, phoneNumber, givenName, familyName, regionCode, postalCode } = found;
  const userIdentifiers = [
    ...(emailAddress ? [{ emailAddress }] : []),
    ...(phoneNumber ? [{ phoneNumber }] : []),
    ...(givenName && familyName && regionCode && postalCode
      ? [{ address: { givenName, familyName, regionCode, postalCode } }]
      : []),
  ];
  return userIdentifiers.length ? { userIdentifiers } : undefined;
}

/** Google's two questions; where they were not asked, the answer on marketing stands for both. */
function consentOf({ context: { consent } }: Event): Record<string, string> | undefined {
  const { ad_user_data, ad_personalization, marketing } = consent ?? {};
  const usual = marketing === undefined ? undefined : marketing ? "granted" : "denied";
  const say = (answer: string | undefined) => answer && (answer === "granted" ? "CONSENT_GRANTED" : "CONSENT_DENIED");
  return unlessEmpty(
    defined({ adUserData: say(ad_user_data ?? usual), adPersonalization: say(ad_personalization ?? usual) }),
  ) as Record<string, string> | undefined;
}

function cartOf(event: Event, merchantId: string): object | undefined {
  const items = productsOf(event).flatMap(({ id, quantity = 1, price }) =>
    id ? [defined({ merchantProductId: id, quantity: String(Math.round(quantity)), unitPrice: price })] : [],
  );
  return items.length ? { merchantId, items } : undefined;
}

const PASSING = new Set(["RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED"]);
/** https://developers.google.com/data-manager/api/reference/rest/v1/ErrorReason: what is wrong with the account or the conversion action. */
const SETTINGS =
  /^(INVALID_DESTINATION|INVALID_CONVERSION_ACTION_(ID|TYPE)|TERMS_AND_CONDITIONS_NOT_SIGNED|DESTINATION_ACCOUNT_\w+|\w*ACCOUNT_MISMATCH)$/;

function errorOf({ json, status: http, body }: VendorResponse) {
  const error = record(record(json).error);
  const details = (Array.isArray(error.details) ? error.details : []).filter(isRecord);
  const reasons = details.flatMap((detail) => pick(detail, "reason") ?? []);
  const listed = details.flatMap(({ fieldViolations }) => (Array.isArray(fieldViolations) ? fieldViolations : []));
  const violations = listed.map(record).flatMap((violation) => {
    const field = pick(violation, "field") ?? "";
    const index = /events\[(\d+)\]/.exec(field)?.[1];
    reasons.push(...(pick(violation, "reason") ? [pick(violation, "reason")!] : []));
    const words = [pick(violation, "reason"), field, pick(violation, "description")].filter(Boolean).join(": ");
    return index === undefined ? [] : [{ index: Number(index), words: words.slice(0, 300) }];
  });
  const status = pick(error, "status") ?? "";
  const said = pick(error, "message") ?? body.slice(0, 200);
  const reason = [`HTTP ${http}`, status, ...new Set(reasons), said].filter(Boolean).join(": ").slice(0, 300);
  return { status, reasons, violations, reason };
}
