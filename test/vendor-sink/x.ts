// https://docs.x.com/x-ads-api/measurement/web-conversions
import { bearer, isAmount, isHash, isListOf, isText, isTime, names, strangeKey } from "./checks.ts";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_EVENTS = 500;
const DEDUP_WINDOW_HOURS = 48;

const CONVERSION = names(
  `conversion_time event_id identifiers number_items price_currency value conversion_id description contents search_string`,
);
const IDENTIFIER = names("twclid hashed_email hashed_phone_number ip_address user_agent");
const CONTENT = names("content_id content_group_id content_name content_type content_price num_items");

export const x: Vendor = {
  name: "x",
  dedupWindowMs: DEDUP_WINDOW_HOURS * 3_600_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const conversions = isObject(body) && Array.isArray(body.conversions) ? body.conversions : [];
    const verdict = {
      answer: { status: 200, body: { data: { conversions_processed: conversions.length, debug_id: "ff4e2c1d" } } },
      events: conversions.map(sentEvent),
    };
    const refused = refusal(call, conversions);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // "A single request will only be successful when there are zero errors for all conversions contained within it."
  partial: (verdict, keeps) =>
    keeps() ? verdict : refuseAll(verdict, errors(400, "INVALID_PARAMETER", "Expected a valid event_id")),

  fault(fault) {
    if (fault === "429") {
      const headers = { date: "Fri, 20 Nov 2026 10:00:00 GMT", "x-rate-limit-reset": "1795168830" };
      return { ...errors(429, "TOO_MANY_REQUESTS", "Rate limit exceeded"), headers };
    }
    return fault === "500" ? errors(500, "INTERNAL_ERROR", "An internal error occurred") : undefined;
  },
};

const errors = (status: number, code: string, message: string): Answer => ({
  status,
  body: { errors: [{ code, message }], request: { params: {} } },
});

function sentEvent(conversion: unknown) {
  if (!isObject(conversion) || !isText(conversion.conversion_id)) return { accepted: true };
  const { conversion_id, event_id } = conversion;
  return { message_id: conversion_id, dedup_key: `${event_id} ${conversion_id}`, accepted: true };
}

function refusal({ method, url, headers }: VendorCall, conversions: unknown[]): Answer | undefined {
  const pixel = /^\/12\/measurement\/conversions\/([a-z0-9]+)$/.exec(url.pathname)?.[1];
  if (method !== "POST" || !pixel) return errors(404, "ROUTE_NOT_FOUND", "The requested resource could not be found");
  const token = bearer(headers);
  if (!token || token === "EXPIRED")
    return errors(401, "UNAUTHORIZED_ACCESS", "This request is not properly authenticated");
  if (conversions.length < 1 || conversions.length > MAX_EVENTS)
    return errors(400, "INVALID_PARAMETER", `Expected 1 to ${MAX_EVENTS} conversions`);
  const wrong = conversions.flatMap((one) =>
    isObject(one) ? (wrongConversion(one, pixel) ?? []) : "conversion is no object",
  );
  if (!wrong.length) return undefined;
  return { status: 400, body: { errors: wrong.map((message) => ({ code: "INVALID_PARAMETER", message })) } };
}

function wrongConversion(conversion: JsonObject, pixel: string): string | undefined {
  const strange = strangeKey(conversion, CONVERSION);
  if (strange) return `${strange} is not expected`;
  const { conversion_time, event_id, identifiers, number_items, price_currency, value, contents } = conversion;
  if (!isTime(conversion_time)) return "conversion_time must be ISO 8601";
  if (!new RegExp(`^(tw-${pixel}-)?[a-z0-9]+$`).test(String(event_id))) return "event_id is not of this pixel";
  if (!Array.isArray(identifiers) || !identifiers.length) return "identifiers is required";
  const wrong = identifiers
    .map((one) => (isObject(one) ? wrongIdentifier(one) : "identifier is no object"))
    .find(Boolean);
  if (wrong) return wrong;
  if (number_items !== undefined && !(Number.isInteger(number_items) && Number(number_items) > 0))
    return "number_items must be a positive integer";
  if (price_currency !== undefined && !CURRENCIES.has(String(price_currency))) return "price_currency must be ISO 4217";
  if (value !== undefined && !isAmount(value)) return "value must be a number";
  const isContent = (content: unknown) =>
    isObject(content) &&
    !strangeKey(content, CONTENT) &&
    (content.content_price === undefined || isText(content.content_price)) &&
    (content.num_items === undefined || Number.isInteger(content.num_items));
  return contents === undefined || isListOf(contents, isContent) ? undefined : "contents is invalid";
}

function wrongIdentifier(identifier: JsonObject): string | undefined {
  const strange = strangeKey(identifier, IDENTIFIER);
  if (strange) return `identifier ${strange} is not expected`;
  for (const key of ["hashed_email", "hashed_phone_number"])
    if (identifier[key] !== undefined && !isHash(identifier[key])) return `${key} must be SHA-256`;
  const primary = ["twclid", "hashed_email", "hashed_phone_number"].filter((key) => isText(identifier[key]));
  if (primary.length > 1) return "one identifier an object";
  if (primary.length === 1) return undefined;
  return isText(identifier.ip_address) && isText(identifier.user_agent)
    ? undefined
    : "ip_address and user_agent must be together";
}
