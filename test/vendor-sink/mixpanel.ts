// https://docs.mixpanel.com/reference/import-events and https://docs.mixpanel.com/reference/profile-set
import { isNumber, isText } from "./checks.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall, type Verdict } from "./vendor.ts";

const MAX_EVENTS = 2_000;
const MAX_BODY_BYTES = 10 * 1024 * 1024;
const MAX_PROPERTIES = 255;
const EARLIEST_MS = Date.UTC(1971, 0);
const PLACEHOLDERS = /^(anon|anonymous|nil|none|null|n\/a|na|undefined|unknown|00000000-0000-0000-0000-000000000000)$/i;

interface Failed {
  index: number;
  insert_id: unknown;
  field: string;
  message: string;
}

export const mixpanel: Vendor = {
  name: "mixpanel",
  // "(event, time, distinct_id, $insert_id)", for good.
  dedupWindowMs: Number.POSITIVE_INFINITY,

  receive(call) {
    const body = parseJson(call.body.toString());
    const list = Array.isArray(body) ? body : [];
    if (call.url.pathname === "/engage") return engage(list, call);
    const failed = list.flatMap((event, index): Failed[] => {
      const [field, message] = isObject(event) ? (wrongEvent(event, call.now) ?? []) : ["event", "must be an object"];
      return field && message
        ? [{ index, insert_id: insertIdOf(event), field, message: `'${field}' is invalid: ${message}` }]
        : [];
    });
    const events = list.map((event, i) => ({ ...identify(event), accepted: failed.every(({ index }) => index !== i) }));
    const refused = refusal(call, list);
    if (refused) return refuseAll({ answer: refused, events }, refused);
    return { answer: imported(events.length, failed), events };
  },

  partial(verdict, keeps) {
    if (!isObject(verdict.answer.body) || verdict.answer.body.code !== 200) return verdict;
    const events = verdict.events.map((event) => ({ ...event, accepted: keeps() }));
    const failed = events.flatMap(({ accepted, message_id }, index): Failed[] =>
      accepted
        ? []
        : [{ index, insert_id: message_id, field: "properties.time", message: "'properties.time' is invalid" }],
    );
    return { events, answer: imported(events.length, failed) };
  },

  fault(fault) {
    if (fault === "429")
      return { status: 429, body: { code: 429, error: "Project exceeded rate limits.", status: "Too Many Requests" } };
    return fault === "500" ? { status: 502, body: "Bad Gateway" } : undefined;
  },
};

function imported(sent: number, failed_records: Failed[]): Answer {
  if (!failed_records.length) return { status: 200, body: { code: 200, num_records_imported: sent, status: "OK" } };
  return {
    status: 400,
    body: {
      code: 400,
      error: "some data points in the request failed validation",
      status: "Bad Request",
      num_records_imported: sent - failed_records.length,
      failed_records,
    },
  };
}

function insertIdOf(event: unknown): string | undefined {
  const id = isObject(event) && isObject(event.properties) ? event.properties.$insert_id : undefined;
  return isText(id) ? id : undefined;
}

function identify(event: unknown) {
  const insert = insertIdOf(event);
  if (!insert || !isObject(event) || !isObject(event.properties)) return {};
  const { time, distinct_id } = event.properties;
  return { message_id: insert, dedup_key: `${event.event} ${time} ${distinct_id} ${insert}` };
}

function refusal({ method, url, headers, bodyBytes }: VendorCall, list: unknown[]): Answer | undefined {
  if (method !== "POST" || url.pathname !== "/import") return { status: 404, body: "Not Found" };
  const [user] = atob(/^Basic (\S+)$/.exec(headers.authorization ?? "")?.[1] ?? "").split(":");
  if (!user || user === "EXPIRED")
    return { status: 401, body: { code: 401, error: "Unauthorized: invalid credentials", status: "Unauthorized" } };
  if (bodyBytes > MAX_BODY_BYTES || list.length > MAX_EVENTS)
    return { status: 413, body: { code: 413, error: "request exceeds max limit", status: "Request Entity Too Large" } };
  return list.length ? undefined : { status: 400, body: { code: 400, error: "no data", status: "Bad Request" } };
}

function wrongEvent({ event, properties }: JsonObject, now: number): [field: string, message: string] | undefined {
  if (!isText(event)) return ["event", "must not be empty"];
  if (!isObject(properties)) return ["properties", "is required"];
  const { time, distinct_id, $insert_id } = properties;
  const ms = isNumber(time) ? (time < 1e11 ? time * 1_000 : time) : Number.NaN;
  if (!(ms >= EARLIEST_MS && ms <= now + 3_600_000))
    return ["properties.time", "must be specified as seconds since epoch"];
  if (typeof distinct_id !== "string" || PLACEHOLDERS.test(distinct_id))
    return ["properties.distinct_id", "is not allowed"];
  if (!isText($insert_id) || !/^[A-Za-z0-9-]{1,36}$/.test($insert_id))
    return ["properties.$insert_id", "must only contain alphanumeric characters or -"];
  return Object.keys(properties).length > MAX_PROPERTIES ? ["properties", "has too many properties"] : undefined;
}

/** `{status: 1}` or `{status: 0, error}`, for the whole request. */
function engage(profiles: unknown[], { method, bodyBytes }: VendorCall): Verdict {
  const wrong = profiles
    .map((profile) => (isObject(profile) ? wrongProfile(profile) : "must be an object"))
    .find(Boolean);
  const error =
    method !== "POST" || !profiles.length || profiles.length > MAX_EVENTS ? "data, missing or too many" : wrong;
  const verdict: Verdict = {
    answer: { status: 200, body: { status: 1, error: null } },
    // A profile is set, however often: there is nothing to tell a repetition by.
    events: profiles.map(() => ({ accepted: true })),
  };
  if (bodyBytes > MAX_BODY_BYTES) return refuseAll(verdict, { status: 413, body: "Request Entity Too Large" });
  return error ? refuseAll(verdict, { status: 200, body: { status: 0, error } }) : verdict;
}

function wrongProfile({ $token, $distinct_id, $set, $ip }: JsonObject): string | undefined {
  if (!isText($token) || $token === "EXPIRED") return "token, missing or invalid";
  if (!isText($distinct_id)) return "$distinct_id, missing or empty";
  if ($ip !== undefined && !isText($ip)) return "$ip is invalid";
  return isObject($set) ? undefined : "$set must be an object";
}
