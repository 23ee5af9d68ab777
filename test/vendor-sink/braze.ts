// https://www.braze.com/docs/api/endpoints/user_data/post_user_track and /docs/api/objects_filters/event_object
import { bearer, isNumber, isText, isTime, names, strangeKey } from "./checks.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall, type Verdict } from "./vendor.ts";

const MAX_ENTRIES = 75;
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const LISTS = ["attributes", "events", "purchases"] as const;
type List = (typeof LISTS)[number];

const WHO = ["external_id", "user_alias", "braze_id", "email", "phone"];
const EVENT = names("external_id user_alias braze_id email phone app_id name time properties _update_existing_only");
const PURCHASE = names("product_id currency price quantity");
/** https://www.braze.com/docs/user_guide/data/activation/events/recommended_events/ecommerce_events */
const REQUIRED: Record<string, string[]> = {
  "ecommerce.product_viewed": ["product_id", "product_name", "variant_id", "price", "currency", "source"],
  "ecommerce.order_placed": ["order_id", "total_value", "currency", "products", "source"],
};

interface Wrong {
  type: string;
  input_array: List;
  index: number;
}

export const braze: Vendor = {
  name: "braze",
  // Nothing tells a repetition.
  dedupWindowMs: 0,

  receive(call) {
    const body = parseJson(call.body.toString());
    const lists = isObject(body) ? body : {};
    const entries = LISTS.flatMap((list) => listOf(lists, list).map((entry, index) => ({ list, entry, index })));
    const errors = entries.flatMap(({ list, entry, index }): Wrong[] => {
      const type = isObject(entry) ? wrongEntry(list, entry) : "is not an object";
      return type ? [{ type, input_array: list, index }] : [];
    });
    const isWrong = (list: List, index: number) =>
      errors.some((error) => error.input_array === list && error.index === index);
    const events = entries.map(({ list, index }) => ({ accepted: !isWrong(list, index) }));
    const refused = refusal(call, lists, entries.length);
    if (refused) return refuseAll({ answer: refused, events }, refused);
    const counts = {
      attributes_processed: listOf(lists, "attributes").length,
      events_processed: listOf(lists, "events").length,
    };
    return { answer: processed(entries.length, errors, counts), events };
  },

  partial(verdict, keeps) {
    if (verdict.answer.status !== 201) return verdict;
    const { events_processed = 0, attributes_processed = 0 } = verdict.answer.body as Record<string, number>;
    const events = verdict.events.map((event) => ({ ...event, accepted: keeps() }));
    const errors = events.flatMap(({ accepted }, i): Wrong[] => {
      if (accepted) return [];
      const isAttribute = i < attributes_processed;
      return [
        {
          type: "'time' is not valid",
          input_array: isAttribute ? "attributes" : "events",
          index: isAttribute ? i : i - attributes_processed,
        },
      ];
    });
    return {
      events,
      answer: processed(events.length, errors, { attributes_processed, events_processed }),
    } satisfies Verdict;
  },

  fault(fault) {
    if (fault === "429")
      return {
        status: 429,
        headers: { date: "Fri, 20 Nov 2026 10:00:00 GMT", "x-ratelimit-reset": "1795168830" },
        body: { message: "Rate limit exceeded" },
      };
    return fault === "500" ? { status: 500, body: { message: "Internal Server Error" } } : undefined;
  },
};

function processed(sent: number, errors: Wrong[], counts: object = {}): Answer {
  if (errors.length && errors.length === sent)
    return {
      status: 400,
      body: { message: "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.", errors },
    };
  return { status: 201, body: { message: "success", ...counts, ...(errors.length && { errors }) } };
}

function listOf(body: JsonObject, list: List): unknown[] {
  return Array.isArray(body[list]) ? body[list] : [];
}

function refusal({ method, url, headers, bodyBytes }: VendorCall, body: JsonObject, sent: number): Answer | undefined {
  const fatal = (status: number, message: string): Answer => ({ status, body: { message } });
  if (method !== "POST" || url.pathname !== "/users/track") return fatal(404, "Not Found");
  const key = bearer(headers);
  if (!key || key === "EXPIRED") return fatal(401, "Invalid API key");
  if (bodyBytes > MAX_BODY_BYTES) return fatal(413, "Request entity too large");
  const long = LISTS.find((list) => listOf(body, list).length > MAX_ENTRIES);
  if (long) return fatal(400, `Number of ${long} exceeds limit of ${MAX_ENTRIES}`);
  return sent
    ? undefined
    : fatal(400, "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.");
}

function wrongEntry(list: List, entry: JsonObject): string | undefined {
  if (WHO.filter((key) => entry[key] !== undefined).length === 0)
    return "'external_id', 'user_alias', 'braze_id', 'email' or 'phone' is required";
  const { user_alias: alias } = entry;
  if (alias !== undefined && !(isObject(alias) && isText(alias.alias_name) && isText(alias.alias_label)))
    return "'user_alias' is not valid";
  if (list === "attributes") return wrongAttributes(entry);
  if (!isTime(entry.time)) return "'time' is not valid";
  if (list === "purchases")
    return [...PURCHASE].every((key) => entry[key] !== undefined) ? undefined : "'price' is not valid";
  const strange = strangeKey(entry, EVENT);
  if (strange) return `'${strange}' is not a known field`;
  if (!isText(entry.name)) return "'name' is required";
  const properties = entry.properties ?? {};
  if (!isObject(properties)) return "'properties' must be an object";
  if (Object.entries(properties).some(([key, held]) => held === null || key.startsWith("$") || key.length > 255))
    return "'properties' is not valid";
  const missing = REQUIRED[entry.name]?.find((key) => properties[key] === undefined);
  if (missing) return `'${missing}' is required for ${entry.name}`;
  return properties.total_value !== undefined && !isNumber(properties.total_value)
    ? "'total_value' is not valid"
    : undefined;
}

function wrongAttributes(entry: JsonObject): string | undefined {
  if (entry.gender !== undefined && !/^[MFONP]$/.test(String(entry.gender))) return "'gender' is not valid";
  if (entry.dob !== undefined && !/^\d{4}-\d\d-\d\d$/.test(String(entry.dob))) return "'dob' is not valid";
  if (entry.country !== undefined && !/^[A-Z]{2}$/.test(String(entry.country))) return "'country' is not valid";
  if (entry.phone !== undefined && !/^\+\d{7,15}$/.test(String(entry.phone))) return "'phone' is not valid";
  return Object.keys(entry).some((key) => key.startsWith("$")) ? "an attribute must not begin with $" : undefined;
}
