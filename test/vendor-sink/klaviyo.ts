// https://developers.klaviyo.com/en/reference/bulk_create_events and /bulk_import_profiles; the schema is klaviyo/openapi's.
import { isNumber, isText, isTime, names, strangeKey } from "./checks.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_ENTRIES = { "event-bulk-create-jobs": 1_000, "profile-bulk-import-jobs": 10_000 };
const MAX_BODY_BYTES = 5 * 1024 * 1024;
const MAX_PROPERTIES = 400;
/** Two years before the latest revision. */
const OLDEST_REVISION = "2024-10-15";

const EVENT = names("properties time value value_currency unique_id metric");
const PROFILE = names(
  `email phone_number external_id anonymous_id _kx first_name last_name organization locale title image location properties id`,
);
const LOCATION = names("address1 address2 city country latitude longitude region zip timezone ip");

export const klaviyo: Vendor = {
  name: "klaviyo",
  // A unique_id is one for good, for a profile and a metric.
  dedupWindowMs: Number.POSITIVE_INFINITY,

  receive(call) {
    const entries = entriesOf(parseJson(call.body.toString()));
    const verdict = { answer: { status: 202 }, events: entries.map(sentEvent) };
    const refused = refusal(call, entries);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // A request is taken or refused as a whole; the errors point at the entries that are wrong.
  partial(verdict, keeps) {
    if (verdict.answer.status !== 202) return verdict;
    const wrong = verdict.events.flatMap((_, i) => (keeps() ? [] : [[i, "Invalid email address", "profile"] as const]));
    return wrong.length ? refuseAll(verdict, invalid(wrong)) : verdict;
  },

  fault(fault) {
    if (fault === "429")
      return {
        ...errors(429, "throttled", "Request was throttled. Expected available in 1 second."),
        headers: { "retry-after": "1" },
      };
    return fault === "500" ? errors(503, "service_unavailable", "Service unavailable") : undefined;
  },
};

const error = (status: number, code: string, detail: string, pointer = "/data/") => ({
  id: "6d6b8a2e",
  status,
  code,
  title: code,
  detail,
  source: { pointer },
});
const errors = (status: number, code: string, detail: string): Answer => ({
  status,
  body: { errors: [error(status, code, detail)] },
});
const invalid = (wrong: (readonly [index: number, detail: string, field: string])[]): Answer => ({
  status: 400,
  body: {
    errors: wrong.map(([index, detail, field]) =>
      error(400, "invalid", detail, `/data/attributes/events-bulk-create/data/${index}/attributes/${field}`),
    ),
  },
});

function entriesOf(body: unknown): unknown[] {
  const data = isObject(body) && isObject(body.data) ? body.data : {};
  const attributes = isObject(data.attributes) ? data.attributes : {};
  const list = data.type === "event-bulk-create-job" ? attributes["events-bulk-create"] : attributes.profiles;
  return isObject(list) && Array.isArray(list.data) ? list.data : [];
}

const attributesOf = (resource: unknown): JsonObject =>
  isObject(resource) && isObject(resource.attributes) ? resource.attributes : {};
const dataOf = (relation: unknown): unknown => (isObject(relation) ? relation.data : undefined);

function eventsOf(entry: unknown): unknown[] {
  const events = dataOf(attributesOf(entry).events);
  return Array.isArray(events) ? events : [];
}

function sentEvent(entry: unknown) {
  const [event] = eventsOf(entry);
  const { unique_id, metric } = attributesOf(event);
  if (!isText(unique_id)) return { accepted: true };
  return { message_id: unique_id, dedup_key: `${attributesOf(dataOf(metric)).name} ${unique_id}`, accepted: true };
}

function refusal({ method, url, headers, bodyBytes }: VendorCall, entries: unknown[]): Answer | undefined {
  const path = /^\/api\/([a-z-]+)\/?$/.exec(url.pathname)?.[1] as keyof typeof MAX_ENTRIES;
  const most = MAX_ENTRIES[path];
  if (method !== "POST" || !most) return errors(404, "not_found", "The path you requested was not found.");
  const key = /^Klaviyo-API-Key (\S+)$/.exec(headers.authorization ?? "")?.[1];
  if (!key) return errors(401, "not_authenticated", "Missing or invalid authorization scheme.");
  if (key === "EXPIRED") return errors(401, "authentication_failed", "Incorrect authentication credentials.");
  if (!/^\d{4}-\d\d-\d\d$/.test(headers.revision ?? ""))
    return errors(400, "invalid", "The revision header is required.");
  if (headers.revision! < OLDEST_REVISION) return errors(410, "gone", "This revision is retired.");
  if (bodyBytes > MAX_BODY_BYTES) return errors(413, "payload_too_large", "The payload is too large.");
  if (entries.length < 1 || entries.length > most) return errors(400, "invalid", `Must have 1 to ${most} entries.`);
  const isEvents = path === "event-bulk-create-jobs";
  const wrong = entries.flatMap((entry, i) => {
    const detail = isEvents ? wrongEntry(entry) : wrongProfile(attributesOf(entry));
    return detail ? [[i, detail, "profile"] as const] : [];
  });
  return wrong.length ? invalid(wrong) : undefined;
}

function wrongEntry(entry: unknown): string | undefined {
  if (!isObject(entry) || entry.type !== "event-bulk-create") return "type must be event-bulk-create";
  const events = eventsOf(entry);
  if (!events.length) return "events is required";
  const profile = dataOf(attributesOf(entry).profile);
  if (!isObject(profile) || profile.type !== "profile") return "profile is required";
  return wrongProfile(attributesOf(profile)) ?? events.map((event) => wrongEvent(attributesOf(event))).find(Boolean);
}

function wrongEvent(event: JsonObject): string | undefined {
  const strange = strangeKey(event, EVENT);
  if (strange) return `${strange} is not a valid field`;
  const { name } = attributesOf(dataOf(event.metric));
  if (!isText(name) || name.length >= 128) return "metric needs a name of fewer than 128 characters";
  if (!isObject(event.properties) || Object.keys(event.properties).length > MAX_PROPERTIES)
    return "properties is not valid";
  if (event.time !== undefined && !isTime(event.time)) return "time must be ISO 8601";
  if (event.value !== undefined && !isNumber(event.value)) return "value must be a number";
  if (event.value_currency !== undefined && !/^[A-Z]{3}$/.test(String(event.value_currency)))
    return "value_currency is not valid";
  return undefined;
}

function wrongProfile(profile: JsonObject): string | undefined {
  const strange = strangeKey(profile, PROFILE);
  if (strange) return `${strange} is not a valid field`;
  const { email, phone_number, location } = profile;
  if (![email, phone_number, profile.external_id, profile.anonymous_id, profile._kx, profile.id].some(isText))
    return "One of email, phone_number, external_id, anonymous_id, _kx or id is required";
  if (email !== undefined && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(String(email))) return "Invalid email address";
  if (phone_number !== undefined && !/^\+[1-9]\d{6,14}$/.test(String(phone_number)))
    return "Invalid phone number format";
  if (location !== undefined && !(isObject(location) && !strangeKey(location, LOCATION)))
    return "location is not valid";
  return undefined;
}
