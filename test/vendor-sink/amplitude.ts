// https://amplitude.com/docs/apis/analytics/http-v2
import { isNumber, isText, names, strangeKey } from "./checks.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_EVENTS = 2_000;
const MAX_BODY_BYTES = 1024 * 1024;
const DEDUP_DAYS = 7;
const SHORTEST_ID = 5;

const EVENT = names(
  `user_id device_id event_type time event_properties user_properties groups group_properties $skip_user_properties_sync
  app_version platform os_name os_version device_brand device_manufacturer device_model carrier country region city dma language
  price quantity revenue productId revenueType currency location_lat location_lng ip idfa idfv adid android_id event_id session_id
  insert_id partner_id plan ingestion_metadata user_agent`,
);
const OPERATIONS = names("$set $setOnce $add $append $prepend $unset $preInsert $postInsert $remove $clearAll");

export const amplitude: Vendor = {
  name: "amplitude",
  dedupWindowMs: DEDUP_DAYS * 86_400_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const events = isObject(body) && Array.isArray(body.events) ? body.events : [];
    const taken = {
      code: 200,
      events_ingested: events.length,
      payload_size_bytes: call.bodyBytes,
      server_upload_time: call.now,
    };
    const verdict = { answer: { status: 200, body: taken }, events: events.map(sentEvent) };
    const refused = refusal(call, body, events);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // Of a bad event it says which, and takes none.
  partial(verdict, keeps) {
    const wrong = verdict.events.flatMap((_, i) => (keeps() ? [] : [i]));
    return wrong.length ? refuseAll(verdict, invalid({ time: wrong })) : verdict;
  },

  fault(fault) {
    if (fault === "429")
      return {
        status: 429,
        body: {
          code: 429,
          error: "Too many requests for some devices and users",
          eps_threshold: 30,
          throttled_events: [0],
        },
      };
    return fault === "500" ? { status: 500, body: { code: 500, error: "Internal server error" } } : undefined;
  },
};

const invalid = (fields: Record<string, number[]>): Answer => ({
  status: 400,
  body: {
    code: 400,
    error: "Request missing required field",
    missing_field: null,
    events_with_invalid_fields: fields,
    events_with_missing_fields: {},
  },
});

function sentEvent(event: unknown) {
  if (!isObject(event) || !isText(event.insert_id)) return { accepted: true };
  return { message_id: event.insert_id, dedup_key: `${event.device_id} ${event.insert_id}`, accepted: true };
}

function refusal({ method, url, bodyBytes }: VendorCall, body: unknown, events: unknown[]): Answer | undefined {
  if (method !== "POST" || url.pathname !== "/2/httpapi") return { status: 404, body: "Not Found" };
  if (!isObject(body)) return { status: 400, body: { code: 400, error: "Invalid JSON request body" } };
  if (bodyBytes >= MAX_BODY_BYTES || events.length >= MAX_EVENTS)
    return { status: 413, body: { code: 413, error: "Payload too large" } };
  if (!isText(body.api_key))
    return { status: 400, body: { code: 400, error: "Request missing required field", missing_field: "api_key" } };
  if (body.api_key === "EXPIRED") return { status: 400, body: { code: 400, error: "Invalid API key: EXPIRED" } };
  if (!events.length)
    return { status: 400, body: { code: 400, error: "Request missing required field", missing_field: "events" } };
  const shortest =
    isObject(body.options) && isNumber(body.options.min_id_length) ? body.options.min_id_length : SHORTEST_ID;
  const fields: Record<string, number[]> = {};
  for (const [i, event] of events.entries()) {
    const field = isObject(event) ? wrongField(event, shortest) : "event";
    if (!field) continue;
    fields[field] ??= [];
    fields[field].push(i);
  }
  return Object.keys(fields).length ? invalid(fields) : undefined;
}

function wrongField(event: JsonObject, shortest: number): string | undefined {
  const strange = strangeKey(event, EVENT);
  if (strange) return strange;
  if (!isText(event.event_type)) return "event_type";
  const ids = [event.user_id, event.device_id].filter((id) => isText(id) && id.length >= shortest);
  if (!ids.length) return "device_id";
  if (event.time !== undefined && !Number.isInteger(event.time)) return "time";
  if (event.session_id !== undefined && !Number.isInteger(event.session_id)) return "session_id";
  for (const field of ["event_properties", "user_properties", "group_properties", "groups"])
    if (event[field] !== undefined && !isObject(event[field])) return field;
  for (const field of ["price", "revenue", "location_lat", "location_lng"])
    if (event[field] !== undefined && !isNumber(event[field])) return field;
  if (event.event_type === "$identify" && strangeKey(event.user_properties as object, OPERATIONS))
    return "user_properties";
  if (event.event_type === "$groupidentify" && !isObject(event.groups)) return "groups";
  return undefined;
}
