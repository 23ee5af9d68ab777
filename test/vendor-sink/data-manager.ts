// https://developers.google.com/data-manager/api/reference/rest/v1/events/ingest
import { unauthenticated } from "./google-oauth.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { refuseAll, type Vendor } from "./vendor.ts";

const MOST_EVENTS = 2_000;
const SHA256 = /^[0-9a-f]{64}$/i;
const SOURCES = new Set("WEB APP IN_STORE PHONE MESSAGE OTHER".split(" "));
const CONSENTS = new Set(["CONSENT_GRANTED", "CONSENT_DENIED"]);

interface Violation {
  field: string;
  reason: string;
  description: string;
}

const failed = (code: number, status: string, message: string, fieldViolations: Violation[] = []) => ({
  status: code,
  body: {
    error: {
      code,
      message,
      status,
      details: [
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: status, domain: "datamanager.googleapis.com" },
        ...(fieldViolations.length ? [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations }] : []),
      ],
    },
  },
});

let requests = 0;

/** One bad event, and none is taken. */
export const dataManager: Vendor = {
  name: "data-manager",
  dedupWindowMs: Number.POSITIVE_INFINITY,

  async authorise({ headers }) {
    return unauthenticated(headers);
  },

  receive({ url, method, body }) {
    if (method !== "POST" || url.pathname !== "/v1/events:ingest")
      return { answer: { status: 404, body: "Not Found" }, events: [] };
    const asked = parseJson(body.toString());
    if (!isObject(asked))
      return { answer: failed(400, "INVALID_ARGUMENT", "Invalid JSON payload received."), events: [] };
    const events = Array.isArray(asked.events) ? asked.events.filter(isObject) : [];
    const violations = [
      ...ofRequest(asked, events.length),
      ...events.flatMap((event, i) => ofEvent(event, i, asked.encoding)),
    ];
    const sent = events.map(({ transactionId }) => ({
      message_id: String(transactionId),
      dedup_key: String(transactionId),
      accepted: !asked.validateOnly,
    }));
    const verdict = { answer: { status: 200, body: { requestId: `sink-${++requests}` } }, events: sent };
    if (violations.length === 0) return verdict;
    return refuseAll(verdict, failed(400, "INVALID_ARGUMENT", "There was a problem with the request.", violations));
  },

  partial: (verdict, keeps) =>
    keeps() ? verdict : refuseAll(verdict, failed(503, "UNAVAILABLE", "The service is currently unavailable.")),
  fault: (fault) => {
    if (fault === "error-in-200") return undefined;
    return fault === "429"
      ? failed(429, "RESOURCE_EXHAUSTED", "Too many requests.")
      : failed(500, "INTERNAL", "Internal error encountered.");
  },
};

const wrong = (field: string, reason: string, description: string): Violation[] => [{ field, reason, description }];

function ofRequest({ destinations }: JsonObject, events: number): Violation[] {
  const found: Violation[] = [];
  if (events === 0) found.push(...wrong("events", "REQUIRED_FIELD_MISSING", "A required field is missing."));
  if (events > MOST_EVENTS) found.push(...wrong("events", "TOO_MANY_EVENTS", "Too many events."));
  const [destination] = Array.isArray(destinations) ? destinations : [];
  const { operatingAccount, productDestinationId } = (destination ?? {}) as JsonObject;
  const { accountType, accountId } = (operatingAccount ?? {}) as JsonObject;
  if (accountType !== "GOOGLE_ADS" || !/^\d+$/.test(String(accountId)))
    found.push(...wrong("destinations[0].operating_account", "INVALID_DESTINATION", "This Destination is not valid."));
  if (!/^\d+$/.test(String(productDestinationId)))
    found.push(
      ...wrong(
        "destinations[0].product_destination_id",
        "INVALID_CONVERSION_ACTION_ID",
        "The conversion action ID is not valid.",
      ),
    );
  return found;
}

function ofEvent(event: JsonObject, i: number, encoding: unknown): Violation[] {
  const at = (field: string) => `events.events[${i}].${field}`;
  const found: Violation[] = [];
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(String(event.eventTimestamp)))
    found.push(...wrong(at("event_timestamp"), "EVENT_TIME_INVALID", "The event time is not valid."));
  if (!event.transactionId)
    found.push(...wrong(at("transaction_id"), "REQUIRED_FIELD_MISSING", "A required field is missing."));
  if (!SOURCES.has(String(event.eventSource)))
    found.push(...wrong(at("event_source"), "INVALID_ENUM_VALUE", "The enum value is unusable."));
  if (event.currency !== undefined && !/^[A-Z]{3}$/.test(String(event.currency)))
    found.push(...wrong(at("currency"), "INVALID_CURRENCY_CODE", "The currency code is not supported."));
  for (const answer of Object.values((event.consent as JsonObject | undefined) ?? {}))
    if (!CONSENTS.has(String(answer)))
      found.push(...wrong(at("consent"), "INVALID_ENUM_VALUE", "The enum value is unusable."));
  const people = ((event.userData as JsonObject | undefined)?.userIdentifiers ?? []) as JsonObject[];
  if (people.length && encoding !== "HEX")
    found.push(...wrong("encoding", "REQUIRED_FIELD_MISSING", "A required field is missing."));
  if (people.length > 10)
    found.push(...wrong(at("user_data"), "TOO_MANY_USER_IDENTIFIERS", "Too many user identifiers."));
  const { gclid, gbraid, wbraid } = (event.adIdentifiers ?? {}) as JsonObject;
  if (!people.length && !gclid && !gbraid && !wbraid)
    found.push(...wrong(at("ad_identifiers"), "NO_IDENTIFIERS_PROVIDED", "No identifiers were provided."));
  for (const { emailAddress, phoneNumber, address } of people) {
    const { givenName, familyName, regionCode } = (address ?? {}) as JsonObject;
    const hashes = [emailAddress, phoneNumber, givenName, familyName].filter((value) => value !== undefined);
    if (hashes.some((hash) => !SHA256.test(String(hash))))
      found.push(...wrong(at("user_data"), "INVALID_SHA256_FORMAT", "The SHA256 encoded value is malformed."));
    if (address && !/^[A-Z]{2}$/.test(String(regionCode)))
      found.push(...wrong(at("user_data"), "INVALID_COUNTRY_CODE", "Country code is not valid."));
  }
  return found;
}
