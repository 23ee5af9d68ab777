// https://learn.microsoft.com/en-us/advertising/guides/uet-conversion-api-integration
import { bearer, isHash, isListOf, isNumber, isText, isUrl, names, strangeKey } from "./checks.ts";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_EVENTS = 1_000;
const MAX_BODY_BYTES = 1_000_000;

const EVENT = names(
  `eventType eventId eventName eventTime eventSourceUrl pageLoadId referrerUrl pageTitle keywords adStorageConsent userData
  customData`,
);
const USER = names("clientUserAgent clientIpAddress anonymousId externalId em ph gaid idfa msclkid");
const CUSTOM = names(
  `eventCategory eventLabel eventValue searchTerm transactionId value currency itemIds pageType ecommTotalValue ecommCategory
  items hotelData`,
);
const ITEM = names("id name price quantity");
const PAGE_TYPE = /^(home|product|category|searchresults|cart|purchase|other)$/;

interface Detail {
  index: number;
  propertyName: string;
  errorMessage: string;
}

export const microsoftUet: Vendor = {
  name: "microsoft-uet",
  // An eventId is what tells the tag's event from ours; for how long is not documented.
  dedupWindowMs: 48 * 3_600_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const data = isObject(body) && Array.isArray(body.data) ? body.data : [];
    const details = data.flatMap((event, index): Detail[] => {
      const [propertyName, errorMessage] = isObject(event) ? (wrongEvent(event) ?? []) : ["data", "must be an object"];
      return propertyName && errorMessage ? [{ index, propertyName, errorMessage }] : [];
    });
    const events = data.map((event, i) => ({
      ...identify(event),
      accepted: details.every(({ index }) => index !== i),
    }));
    const refused = refusal(call, data);
    if (refused) return refuseAll({ answer: refused, events }, refused);
    const goesOn = isObject(body) && body.continueOnValidationError === true;
    if (details.length && !goesOn) return refuseAll({ answer: failed(400, details), events }, failed(400, details));
    return { answer: details.length ? failed(200, details, events.length) : taken(events.length), events };
  },

  partial(verdict, keeps) {
    if (verdict.answer.status !== 200) return verdict;
    const events = verdict.events.map((event) => ({ ...event, accepted: event.accepted && keeps() }));
    const details = events.flatMap(({ accepted }, index) =>
      accepted ? [] : [{ index, propertyName: "userData", errorMessage: "is not valid" }],
    );
    return { events, answer: details.length ? failed(200, details, events.length) : taken(events.length) };
  },

  fault(fault) {
    if (fault === "429")
      return { status: 429, headers: { "retry-after": "1" }, body: { error: { code: "TooManyRequests" } } };
    return fault === "500" ? { status: 500, body: { error: { code: "InternalServerError" } } } : undefined;
  },
};

const taken = (eventsReceived: number): Answer => ({ status: 200, body: { eventsReceived } });
const failed = (status: number, details: Detail[], sent = details.length): Answer => ({
  status,
  body: {
    eventsReceived: sent - details.length,
    error: { code: "ValidationError", message: "Some events are invalid", details },
  },
});

function identify(event: unknown) {
  if (!isObject(event) || !isText(event.eventId)) return {};
  return { message_id: event.eventId, dedup_key: event.eventId };
}

function refusal({ method, url, headers, bodyBytes }: VendorCall, data: unknown[]): Answer | undefined {
  const code = (status: number, name: string): Answer => ({ status, body: { error: { code: name, message: name } } });
  if (method !== "POST" || !/^\/v1\/\d+\/events$/.test(url.pathname)) return code(404, "NotFound");
  const token = bearer(headers);
  if (!token || token === "EXPIRED") return code(401, "Unauthorized");
  if (bodyBytes > MAX_BODY_BYTES) return code(413, "PayloadTooLarge");
  return data.length < 1 || data.length > MAX_EVENTS ? code(400, "InvalidEventCount") : undefined;
}

type Wrong = [property: string, message: string] | undefined;

function wrongEvent(event: JsonObject): Wrong {
  const strange = strangeKey(event, EVENT);
  if (strange) return [strange, "is not a known property"];
  if (event.eventType !== "pageLoad" && event.eventType !== "custom")
    return ["eventType", "must be pageLoad or custom"];
  if (event.eventType === "pageLoad" && !isUrl(event.eventSourceUrl))
    return ["eventSourceUrl", "is required for pageLoad"];
  if (event.eventType === "custom" && !isText(event.eventName)) return ["eventName", "is required for custom"];
  if (!Number.isInteger(event.eventTime) || Number(event.eventTime) > 1e11) return ["eventTime", "must be in seconds"];
  if (event.adStorageConsent !== undefined && !/^[GD]$/.test(String(event.adStorageConsent)))
    return ["adStorageConsent", "must be G or D"];
  return wrongUser(event.userData) ?? wrongCustom(event.customData ?? {});
}

function wrongUser(user: unknown): Wrong {
  if (!isObject(user)) return ["userData", "is required"];
  for (const [key, value] of Object.entries(user)) {
    if (!USER.has(key) || !isText(value)) return [`userData.${key}`, "is not valid"];
    if ((key === "em" || key === "ph") && !isHash(value)) return [`userData.${key}`, "must be SHA-256"];
  }
  return String(user.msclkid ?? "").startsWith("_uet")
    ? ["userData.msclkid", "must not have the cookie's prefix"]
    : undefined;
}

function wrongCustom(custom: unknown): Wrong {
  if (!isObject(custom)) return ["customData", "must be an object"];
  const strange = strangeKey(custom, CUSTOM);
  if (strange) return [`customData.${strange}`, "is not a known property"];
  const { value, currency, itemIds, items, pageType } = custom;
  if (value !== undefined && !isNumber(value)) return ["customData.value", "must be a number"];
  if (currency !== undefined && !CURRENCIES.has(String(currency))) return ["customData.currency", "must be ISO 4217"];
  if (pageType !== undefined && !PAGE_TYPE.test(String(pageType))) return ["customData.pageType", "is not known"];
  if (itemIds !== undefined && !isListOf(itemIds, isText)) return ["customData.itemIds", "must be strings"];
  const isItem = (item: unknown) => isObject(item) && !strangeKey(item, ITEM);
  return items === undefined || isListOf(items, isItem) ? undefined : ["customData.items", "is not valid"];
}
