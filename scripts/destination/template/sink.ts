// https://developers.acme.example/events-api
import { isObject, parseJson } from "../../../test/vendor-sink/json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "../../../test/vendor-sink/vendor.ts";

/** Written from the vendor's reference and not from our mapping: it is what tells that the mapping is right. */
export const acme: Vendor = {
  name: "acme",
  // The reference does not say for how long an id is remembered: as long as an event is taken.
  dedupWindowMs: 7 * 86_400_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const events = isObject(body) && Array.isArray(body.events) ? body.events : [];
    const verdict = {
      answer: { status: 202, body: { accepted: events.length } },
      events: events.map((event) => {
        const id = isObject(event) && typeof event.id === "string" ? event.id : undefined;
        return { message_id: id, dedup_key: id, accepted: true };
      }),
    };
    const refused = refusal(call, events);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // A request is taken or refused as a whole.
  partial: (verdict, keeps) => (keeps() ? verdict : refuseAll(verdict, error(400, "one of the events is invalid"))),

  fault(fault) {
    if (fault === "429") return { ...error(429, "too many requests"), headers: { "retry-after": "1" } };
    return fault === "500" ? error(500, "internal error") : undefined;
  },
};

const error = (status: number, message: string): Answer => ({ status, body: { error: { message } } });

const MAX_EVENTS = 100;

function refusal({ method, url, headers }: VendorCall, events: unknown[]): Answer | undefined {
  if (method !== "POST" || !/^\/v1\/accounts\/[\w-]+\/events$/.test(url.pathname)) return error(404, "not found");
  const key = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
  if (!key || key === "EXPIRED") return error(401, "invalid api key");
  if (events.length === 0 || events.length > MAX_EVENTS) return error(400, `send 1 to ${MAX_EVENTS} events`);
  const strange = events.findIndex((event) => !isEvent(event));
  return strange < 0 ? undefined : error(400, `events.${strange} is invalid`);
}

function isEvent(event: unknown): boolean {
  if (!isObject(event)) return false;
  const { id, name, time, visitor, user = "", properties } = event;
  const texts = [id, name, visitor, user].every((text) => typeof text === "string");
  return texts && Number.isInteger(time) && isObject(properties);
}
