// https://developers.hubspot.com/docs/api-reference/latest/events/send-event-data/guide and /latest/crm/objects/contacts/guide
import { bearer, isText, isTime, names, strangeKey } from "./checks.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall, type Verdict } from "./vendor.ts";

const MAX_EVENTS = 500;
const MAX_CONTACTS = 100;

const EVENT = names("eventName properties occurredAt uuid email objectId utk");
const CONTACT = names("id idProperty properties objectWriteTraceId");

const isContacts = (url: URL) => /^\/crm\/objects\/\d{4}-\d\d\/contacts\/batch\/upsert$/.test(url.pathname);
const isEvents = (url: URL) => /^\/events\/\d{4}-\d\d\/send\/batch$/.test(url.pathname);

export const hubspot: Vendor = {
  name: "hubspot",
  // By uuid; for how long is not documented.
  dedupWindowMs: 7 * 86_400_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const inputs = isObject(body) && Array.isArray(body.inputs) ? body.inputs.filter(isObject) : [];
    const verdict: Verdict = isContacts(call.url)
      ? { answer: upserted(inputs.map(idOf)), events: inputs.map(() => ({ accepted: true })) }
      : { answer: { status: 204 }, events: inputs.map(sentEvent) };
    const refused = refusal(call, inputs);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // Contacts are answered for one by one; events are taken or refused together.
  partial(verdict, keeps) {
    const { body } = verdict.answer;
    const ids = isObject(body) && Array.isArray(body.results) ? body.results.map((one) => String(one.id)) : undefined;
    if (!ids) return keeps() ? verdict : refuseAll(verdict, error(400, "VALIDATION_ERROR", "Invalid input JSON"));
    const events = verdict.events.map((event) => ({ ...event, accepted: keeps() }));
    const failed = ids.filter((_, i) => !events[i]!.accepted);
    const done = ids.filter((_, i) => events[i]!.accepted);
    return { events, answer: failed.length ? upserted(done, failed) : verdict.answer };
  },

  fault(fault) {
    if (fault === "429")
      return {
        status: 429,
        body: {
          status: "error",
          message: "You have reached your ten_secondly_rolling limit.",
          errorType: "RATE_LIMIT",
          policyName: "TEN_SECONDLY_ROLLING",
        },
      };
    return fault === "500" ? error(500, "INTERNAL_ERROR", "internal error") : undefined;
  },
};

const idOf = ({ id }: JsonObject) => String(id);
const error = (status: number, category: string, message: string): Answer => ({
  status,
  body: { status: "error", message, correlationId: "4a5f2c1e", category },
});

function upserted(done: string[], failed: string[] = []): Answer {
  const results = done.map((id) => ({ id, new: false, properties: {} }));
  if (!failed.length) return { status: 200, body: { status: "COMPLETE", results } };
  const errors = failed.map((id) => ({
    status: "error",
    category: "VALIDATION_ERROR",
    message: "Property values were not valid",
    context: { ids: [id] },
  }));
  return { status: 207, body: { status: "COMPLETE", results, numErrors: errors.length, errors } };
}

function sentEvent(input: JsonObject) {
  if (!isText(input.uuid)) return { accepted: true };
  return { message_id: input.uuid, dedup_key: input.uuid, accepted: true };
}

function refusal({ method, url, headers }: VendorCall, inputs: JsonObject[]): Answer | undefined {
  const most = isContacts(url) ? MAX_CONTACTS : isEvents(url) ? MAX_EVENTS : 0;
  if (method !== "POST" || !most) return error(404, "OBJECT_NOT_FOUND", "resource not found");
  const token = bearer(headers);
  if (!token) return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.");
  if (token === "EXPIRED")
    return error(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.");
  if (inputs.length < 1 || inputs.length > most)
    return error(400, "VALIDATION_ERROR", `inputs must have 1 to ${most} entries`);
  if (isContacts(url) && new Set(inputs.map(idOf)).size < inputs.length)
    return error(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input");
  const wrong = inputs.map((input) => (isContacts(url) ? wrongContact(input) : wrongEvent(input))).find(Boolean);
  return wrong ? error(400, "VALIDATION_ERROR", wrong) : undefined;
}

const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);

function wrongEvent(input: JsonObject): string | undefined {
  const strange = strangeKey(input, EVENT);
  if (strange) return `Invalid input JSON: unknown field ${strange}`;
  if (!/^pe\d+_\w+$/.test(String(input.eventName))) return "eventName must be fully qualified";
  if (input.occurredAt !== undefined && !isTime(input.occurredAt)) return "occurredAt must be ISO 8601";
  if (!isObject(input.properties) || !Object.values(input.properties).every(isScalar))
    return "properties must be an object of scalars";
  return [input.email, input.objectId, input.utk].some(isText)
    ? undefined
    : "one of email, objectId or utk is required";
}

function wrongContact(input: JsonObject): string | undefined {
  const strange = strangeKey(input, CONTACT);
  if (strange) return `Invalid input JSON: unknown field ${strange}`;
  if (!isText(input.id)) return "id is required";
  if (!isObject(input.properties)) return "properties is required";
  const name = Object.keys(input.properties).find((property) => !/^[a-z]\w*$/.test(property));
  if (name) return `Property "${name}" does not exist`;
  return Object.values(input.properties).every(isScalar) ? undefined : "Property values were not valid";
}
