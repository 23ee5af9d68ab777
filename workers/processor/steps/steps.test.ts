import { describe, expect, it } from "vitest";
import type { Event, EventContext } from "../../../core/event.ts";
import { orgDataLayer } from "../../../core/org-data-layer.ts";
import type { RequestFacts } from "../../../core/queue-messages.ts";
import type { Decision } from "../../../durable-objects/visitor-shard.ts";
import { anEnvironment, aSource } from "../../../test/an-environment.ts";
import { anEvent } from "../../../test/an-event.ts";
import { keep, type StepContext } from "../step.ts";
import { addRequestFacts } from "./add-request-facts.ts";
import { addVisitorFacts } from "./add-visitor-facts.ts";
import { cleanse } from "./cleanse.ts";
import { correctClock } from "./correct-clock.ts";
import { dropDuplicate } from "./drop-duplicate.ts";
import { enforceConsent, stripPending } from "./enforce-consent.ts";
import { enrichGeography } from "./enrich-geography.ts";
import { enrichUserAgent } from "./enrich-user-agent.ts";
import { validateSchema } from "./validate-schema.ts";

const context = (given: Partial<StepContext> = {}): StepContext => ({
  environment: anEnvironment(),
  source_id: "src_test",
  request: {},
  vendor_ids: {},
  ...given,
});

/** Frozen all the way down, so that a step which mutates its event throws. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
const given = (event: Partial<Event> = {}) => frozen(anEvent({ message_id: "m1", ...event }));
const unchanged = (event: Event) => ({ verdict: "kept", event, changed: [] });

describe("validate_schema", () => {
  it("keeps a valid event as it is", () => {
    const event = given();
    const verdict = validateSchema.run(event, context());
    expect(verdict).toEqual(unchanged(event));
    expect(verdict).toHaveProperty("event", event);
  });

  it.each<[string, unknown, RegExp]>([
    ["an unknown type", { ...anEvent(), type: "tracks" }, /^type: /],
    ["no visitor", { ...anEvent(), anonymous_id: undefined }, /^anonymous_id: /],
    ["a time that is not in UTC", { ...anEvent(), timestamp: "2026-11-20T10:00:00+01:00" }, /^timestamp: /],
    ["camelCase, which the door translates", { type: "track", event: "x", anonymousId: "a", messageId: "m" }, /: /],
    ["text", "event", /^event: /],
    ["nothing", null, /^event: /],
    ["a list", [anEvent()], /^event: /],
    ["too many levels", { ...anEvent(), properties: JSON.parse(`{"a":${"[".repeat(40)}${"]".repeat(40)}}`) }, /deeper/],
  ])("quarantines %s", (_, event, detail) => {
    expect(validateSchema.run(event as Event, context())).toEqual({
      verdict: "quarantined",
      reason: "invalid_event",
      detail: expect.stringMatching(detail),
    });
  });
});

describe("correct_clock", () => {
  const timestamp = "2026-11-20T10:00:00.000Z";
  const received_at = "2026-11-20T12:00:00.000Z";
  it.each([
    ["an hour behind", "2026-11-20T11:00:00.000Z", "2026-11-20T11:00:00.000Z", 3_600_000],
    ["a day ahead", "2026-11-21T12:00:00.000Z", "2026-11-19T10:00:00.000Z", -86_400_000],
  ])("moves the event of a device whose clock is %s", (_, sent_at, corrected, clock_skew_ms) => {
    const event = given({ timestamp, sent_at, received_at });
    expect(correctClock.run(event, context())).toEqual({
      verdict: "kept",
      event: { ...event, timestamp: corrected, context: { clock_skew_ms } },
      changed: ["timestamp", "context.clock_skew_ms"],
    });
  });

  it.each([
    ["says nothing of when it was sent", {}],
    ["took no longer than a network does", { sent_at: "2026-11-20T11:59:58.500Z" }],
  ])("leaves an event that %s", (_, changes) => {
    const event = given({ timestamp, received_at, ...changes });
    expect(correctClock.run(event, context())).toEqual(unchanged(event));
  });

  it("does not move an event out of all calendars", () => {
    const sent_at = "9999-12-31T00:00:00.000Z";
    const event = given({ timestamp: "1970-01-02T00:00:00.000Z", sent_at, received_at });
    expect(correctClock.run(event, context())).toEqual(
      keep({ ...event, context: { clock: "too_old" } }, ["context.clock"]),
    );
  });

  const strict = anEnvironment({ sources: [aSource({ oldest_event_s: 3_600, newest_event_s: 60 })] });
  it.each([
    ["too_old", "2026-11-20T10:59:59.999Z"],
    [undefined, "2026-11-20T11:00:00.000Z"],
    [undefined, "2026-11-20T12:01:00.000Z"],
    ["too_new", "2026-11-20T12:01:00.001Z"],
  ])(
    "marks as %s, and keeps, an event of %s where the source allows an hour back and a minute ahead",
    (clock, time) => {
      const event = given({ timestamp: time, received_at });
      expect(correctClock.run(event, context({ environment: strict }))).toEqual(
        clock ? keep({ ...event, context: { clock } }, ["context.clock"]) : unchanged(event),
      );
    },
  );

  it("judges the time as it was corrected", () => {
    const sent_at = "2026-11-20T06:00:00.000Z";
    const event = given({ timestamp: "2026-11-20T05:59:00.000Z", sent_at, received_at });
    const verdict = correctClock.run(event, context({ environment: strict }));
    expect(verdict).toMatchObject({ event: { timestamp: "2026-11-20T11:59:00.000Z" } });
    expect(verdict).not.toHaveProperty("event.context.clock");
  });

  it("never believes a client about its clock", () => {
    const event = given({ timestamp, received_at, context: { clock: "too_old" } });
    expect(correctClock.run(event, context())).toEqual(keep({ ...event, context: {} }, ["context.clock"]));
  });

  it("marks nothing of a source that no longer exists", () => {
    const event = given({ timestamp: "2001-01-01T00:00:00.000Z", received_at });
    expect(correctClock.run(event, context({ source_id: "src_gone" }))).toEqual(unchanged(event));
  });
});

describe("cleanse", () => {
  it("trims text, collapses white space and removes what is empty, at every level", () => {
    const event = given({
      properties: {
        name: "  Blue \t\n hat ",
        fine: "as it is",
        none: null,
        empty: " ",
        zero: 0,
        no: false,
        list: ["", " a ", null, { b: "", c: "d" }],
        inner: { deep: { text: " x " }, gone: "" },
      },
      traits: { email: " a@b.example " },
    });
    expect(cleanse.run(event, context())).toEqual({
      verdict: "kept",
      event: {
        ...event,
        properties: {
          name: "Blue hat",
          fine: "as it is",
          zero: 0,
          no: false,
          list: ["a", { c: "d" }],
          inner: { deep: { text: "x" } },
        },
        traits: { email: "a@b.example" },
      },
      changed: [
        "properties.name",
        "properties.none",
        "properties.empty",
        "properties.list.0",
        "properties.list.1",
        "properties.list.2",
        "properties.list.3.b",
        "properties.inner.deep.text",
        "properties.inner.gone",
        "traits.email",
      ],
    });
  });

  it("gives back the very event where there is nothing to clean", () => {
    const event = given({ properties: { a: "b", list: [1, { c: true }] }, traits: {} });
    const verdict = cleanse.run(event, context());
    expect(verdict.verdict === "kept" && verdict.event).toBe(event);
    expect(verdict).toEqual(unchanged(event));
  });

  it("touches neither the context nor the name", () => {
    const event = given({ event: " Odd  Name ", context: { page: { title: "  x " } } });
    expect(cleanse.run(event, context())).toEqual(unchanged(event));
  });

  it("keeps keys that JavaScript treats as its own what they were: keys", () => {
    const properties = JSON.parse('{"a":" x ","__proto__":{"price":1},"constructor":" y ","in":{"__proto__":" z "}}');
    const verdict = cleanse.run(anEvent({ properties }), context());
    if (verdict.verdict !== "kept") throw new Error();
    const clean = verdict.event.properties;
    expect(JSON.stringify(clean)).toBe('{"a":"x","__proto__":{"price":1},"constructor":"y","in":{"__proto__":"z"}}');
    expect(Object.getPrototypeOf(clean)).toBe(Object.prototype);
    expect(clean.price).toBeUndefined();
  });
});

describe("add_request_facts", () => {
  const request: RequestFacts = {
    ip: "192.0.2.1",
    user_agent: "Mozilla/5.0",
    language: "en-GB",
    timezone: "Europe/London",
    client_hints: { "sec-ch-ua-mobile": "?1" },
    country: "GB",
  };

  it("adds what the door saw", () => {
    const event = given();
    expect(addRequestFacts.run(event, context({ request, vendor_ids: { fbp: "fb.1" } }))).toEqual({
      verdict: "kept",
      event: {
        ...event,
        context: {
          ip: "192.0.2.1",
          user_agent: "Mozilla/5.0",
          locale: "en-GB",
          timezone: "Europe/London",
          client_hints: { "sec-ch-ua-mobile": "?1" },
          vendor_ids: { fbp: "fb.1" },
        },
      },
      changed: [
        "context.ip",
        "context.user_agent",
        "context.locale",
        "context.timezone",
        "context.client_hints",
        "context.vendor_ids",
      ],
    });
  });

  it("leaves what the event says itself", () => {
    const own: EventContext = {
      ip: "198.51.100.1",
      user_agent: "own",
      locale: "pl",
      timezone: "Europe/Warsaw",
      client_hints: { own: "1" },
      vendor_ids: { fbp: "own" },
    };
    const event = given({ context: own });
    expect(addRequestFacts.run(event, context({ request, vendor_ids: { fbp: "cookie" } }))).toEqual(unchanged(event));
  });

  it("joins the vendor ids of the cookies to those of the event, which win", () => {
    const event = given({ context: { vendor_ids: { fbp: "own" } } });
    const verdict = addRequestFacts.run(event, context({ vendor_ids: { fbp: "cookie", ttp: "cookie" } }));
    expect(verdict).toMatchObject({
      event: { context: { vendor_ids: { fbp: "own", ttp: "cookie" } } },
      changed: ["context.vendor_ids"],
    });
  });

  it("changes nothing where the door saw nothing: a server sent it", () => {
    const event = given();
    expect(addRequestFacts.run(event, context())).toEqual(unchanged(event));
  });
});

describe("enrich_geography", () => {
  const request: RequestFacts = {
    ip: "192.0.2.1",
    country: "GB",
    region: "England",
    city: "London",
    postal_code: "EC1A",
    latitude: 51.5,
    longitude: 0,
    timezone: "Europe/London",
    asn: 1,
  };

  it("says where the request came from, and nothing that is not known", () => {
    const { ip: _, asn: __, ...location } = request;
    const event = given();
    expect(enrichGeography.run(event, context({ request }))).toEqual({
      verdict: "kept",
      event: { ...event, context: { location } },
      changed: ["context.location"],
    });
    expect(enrichGeography.run(event, context({ request: { country: "GB" } }))).toMatchObject({
      event: { context: { location: { country: "GB" } } },
    });
  });

  it.each<[string, Partial<Event>, RequestFacts]>([
    ["the event brought its own location", { context: { location: { country: "PL" } } }, request],
    ["the country is not known", {}, { ...request, country: undefined } as RequestFacts],
    ["a server sent it", {}, {}],
  ])("changes nothing where %s", (_, event, facts) => {
    const before = given(event);
    expect(enrichGeography.run(before, context({ request: facts }))).toEqual(unchanged(before));
  });
});

describe("enrich_user_agent", () => {
  const CHROME =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
  const IPHONE =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";

  it.each([
    [
      "a desktop",
      CHROME,
      {
        browser: { name: "Chrome", version: "140.0.0.0" },
        os: { name: "Windows", version: "10" },
        device: { type: "desktop" },
      },
    ],
    [
      "a phone",
      IPHONE,
      {
        browser: { name: "Mobile Safari", version: "18.1" },
        os: { name: "iOS", version: "18.1" },
        device: { type: "mobile", vendor: "Apple", model: "iPhone" },
      },
    ],
  ])("tells %s from its user agent, every time", (_, user_agent, parsed) => {
    for (let i = 0; i < 2; i++) {
      const event = given({ context: { user_agent } });
      expect(enrichUserAgent.run(event, context())).toEqual({
        verdict: "kept",
        event: { ...event, context: { user_agent, ...parsed } },
        changed: ["context.browser", "context.os", "context.device"],
      });
    }
  });

  it("leaves what the event says itself", () => {
    const event = given({ context: { user_agent: CHROME, os: { name: "Own" } } });
    expect(enrichUserAgent.run(event, context())).toMatchObject({
      event: { context: { os: { name: "Own" }, browser: { name: "Chrome" } } },
      changed: ["context.browser", "context.device"],
    });
  });

  it.each([
    ["a tool", "curl/8.5.0"],
    ["a word", "x"],
    ["a method's name", "constructor"],
    ["a prototype", "__proto__"],
    ["600 letters", "x".repeat(600)],
  ])("invents no device for %s", (_, user_agent) => {
    const verdict = enrichUserAgent.run(given({ context: { user_agent } }), context());
    expect(verdict).toMatchObject({ verdict: "kept" });
    if (verdict.verdict === "kept") expect(verdict.event.context).not.toHaveProperty("device");
  });

  it("changes nothing without a user agent", () => {
    const event = given();
    expect(enrichUserAgent.run(event, context())).toEqual(unchanged(event));
  });
});

const session = { id: "v.3", number: 3, started_at: "2026-11-20T09:50:00.000Z", is_new: false };
const fresh: Decision = { verdict: "new", session, vendor_ids: { fbp: "known" } };
const answered = (shard: Decision) => ({ ...context(), shard });

describe("drop_duplicate", () => {
  it("drops what another message brought, and lets a redelivered message pass", () => {
    const event = given();
    expect(dropDuplicate.run(event, answered({ verdict: "duplicate" }))).toEqual({
      verdict: "dropped",
      reason: "duplicate",
    });
    expect(dropDuplicate.run(event, answered(fresh))).toEqual(keep(event));
    expect(dropDuplicate.run(event, answered({ ...fresh, verdict: "redelivered" }))).toEqual(keep(event));
  });
});

describe("add_visitor_facts", () => {
  it("adds the session and every vendor id that the visitor is known by", () => {
    const event = given({ context: { locale: "en", vendor_ids: { ttp: "own" } } });
    const shard: Decision = { ...fresh, vendor_ids: { fbp: "known", ttp: "own" } };
    expect(addVisitorFacts.run(event, answered(shard))).toEqual({
      verdict: "kept",
      event: { ...event, context: { locale: "en", session, vendor_ids: { fbp: "known", ttp: "own" } } },
      changed: ["context.session", "context.vendor_ids"],
    });
  });

  it("says nothing of vendor ids where none are known", () => {
    const event = given();
    const verdict = addVisitorFacts.run(event, answered({ ...fresh, vendor_ids: {} }));
    expect(verdict).toEqual({
      verdict: "kept",
      event: { ...event, context: { session } },
      changed: ["context.session"],
    });
  });

  it("never believes a client about its session", () => {
    const event = given({ context: { session: { ...session, number: 1 } } });
    expect(addVisitorFacts.run(event, answered(fresh))).toMatchObject({
      event: { context: { session: { number: 3 } } },
    });
  });
});

describe("enforce_consent", () => {
  it.each<["granted" | "denied", EventContext["consent"], boolean, EventContext["purposes"], string?]>([
    ["granted", undefined, false, ["functional", "analytics", "marketing"]],
    ["granted", undefined, true, ["functional", "analytics"], "marketing: gpc"],
    ["denied", undefined, false, ["functional"], "analytics: default; marketing: default"],
    ["denied", { analytics: true }, false, ["functional", "analytics"], "marketing: default"],
    ["granted", { analytics: false, marketing: false }, false, ["functional"], "analytics: denied; marketing: denied"],
  ])(
    "by default %s, asked %j, GPC %s: writes down %j and leaves the answer as it was",
    (consent_default, consent, gpc, purposes, detail) => {
      const event = given({ context: consent ? { consent } : {} });
      const context = {
        ...answered(fresh),
        environment: anEnvironment({ consent_default }),
        request: gpc ? { gpc } : {},
      };
      expect(enforceConsent.run(event, context)).toEqual({
        verdict: "kept",
        event: { ...event, context: { ...event.context, purposes } },
        changed: ["context.purposes"],
        ...(detail && { detail }),
      });
    },
  );

  it("counts Do Not Track as no to analytics and marketing, where the door passed it on", () => {
    const event = given({ context: { consent: { marketing: true } } });
    expect(enforceConsent.run(event, { ...answered(fresh), request: { dnt: true } })).toMatchObject({
      event: { context: { consent: { marketing: true }, purposes: ["functional", "marketing"] } },
    });
  });

  it("never believes a client about what its event may be used for", () => {
    const event = given({ context: { consent: { analytics: false, marketing: false }, purposes: ["marketing"] } });
    expect(enforceConsent.run(event, answered(fresh))).toMatchObject({
      event: { context: { purposes: ["functional"] } },
    });
  });

  const policy = (consent: object) => ({
    ...context({ environment: anEnvironment({ org_data_layer: orgDataLayer.parse({ consent }) }) }),
    shard: fresh,
  });

  it("strips what only a purpose allows to keep, and names what is gone", () => {
    const event = given({
      traits: { email: "a@b.example", plan: "pro" },
      context: { ip: "192.0.2.1", consent: { analytics: true, marketing: false } },
    });
    const strip = [
      { path: "traits.email", unless: "marketing" },
      { path: "context.ip", unless: "analytics" },
    ];
    expect(enforceConsent.run(event, policy({ strip }))).toMatchObject({
      event: { traits: { plan: "pro" }, context: { ip: "192.0.2.1" } },
      changed: ["context.purposes", "traits.email"],
      detail: "marketing: denied",
    });
  });

  it("tells vendors to limit their use of the data, where the browser objects and the policy is not to block", () => {
    const limiting = { ...policy({ on_gpc: "limit" }), request: { gpc: true } };
    expect(enforceConsent.run(given(), limiting)).toMatchObject({
      event: { context: { purposes: ["functional", "analytics", "marketing"], limited_data_use: ["gpc"] } },
      changed: ["context.purposes", "context.limited_data_use"],
    });
  });

  it("lets what waits for an answer go on without that purpose, and without its fields, which are kept for later", () => {
    const waiting = policy({ hold: {}, strip: [{ path: "traits.email", unless: "marketing" }] });
    const event = given({ traits: { email: "a@b.example" } });
    const stored = enforceConsent.run(event, waiting);
    expect(stored).toMatchObject({
      event: {
        traits: { email: "a@b.example" },
        context: { purposes: ["functional", "analytics"], consent_pending: { marketing: "granted" } },
      },
      changed: ["context.purposes", "context.consent_pending"],
      detail: "marketing: waits for an answer",
    });
    const sent = stripPending.run((stored as { event: Event }).event, waiting);
    expect(sent).toMatchObject({ event: { traits: {} }, changed: ["traits.email"] });
  });
});
