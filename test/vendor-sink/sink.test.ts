import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ValidationMessage } from "./ga4.ts";
import type { RecordedRequest, Totals } from "./request-log.ts";
import { startVendorSink, type VendorSink } from "./sink.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const HASH = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";
const HOUR_MS = 3_600_000;

let sink: VendorSink;

beforeAll(async () => {
  sink = await startVendorSink({ webhookSecrets: { signed: SECRET } });
});
afterAll(() => sink.close());
beforeEach(async () => {
  sink.clear();
  for (const integration of ["ga", "fb", "hook"]) sink.behave(integration, "ok");
});

describe("GA4", () => {
  const QUERY = "measurement_id=G-1&api_secret=s3cret";

  const collect = (body: unknown, query = QUERY, path = "/mp/collect") =>
    post(`/ga/www.google-analytics.com${path}?${query}`, body);

  async function validate(body: unknown, query = QUERY): Promise<ValidationMessage[]> {
    const response = await collect(body, query, "/debug/mp/collect");
    expect(response.status).toBe(200);
    return (await read<{ validationMessages: ValidationMessage[] }>(response)).validationMessages;
  }

  const payload = (over: object = {}) => ({ client_id: "123.456", events: [{ name: "sign_up" }], ...over });
  const withEvent = (event: object) => payload({ events: [{ name: "sign_up", ...event }] });
  const withParams = (params: object) => withEvent({ params });
  const purchase = (params: object) =>
    withEvent({
      name: "purchase",
      params: { currency: "EUR", value: 12.5, transaction_id: "o1", items: [{ item_id: "p1" }], ...params },
    });
  const properties = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, index]));
  const microsAgo = (ms: number) => (Date.now() - ms) * 1000;

  it.each<[string, object]>([
    ["an event with no params", payload()],
    ["a client_id that gtag did not make", payload({ client_id: "0b4e0a86-5a6a-4a5e-9ac8-2b1e4f1c1c1c" })],
    ["25 events", payload({ events: Array(25).fill({ name: "sign_up" }) })],
    ["25 params", withParams(properties(25))],
    ["a param of 100 characters", withParams({ plan: "x".repeat(100) })],
    ["an address of a page, which may be longer", withParams({ page_location: `https://e.com/${"x".repeat(900)}` })],
    ["a boolean debug_mode", withParams({ debug_mode: true })],
    ["an event of three days less an hour ago", payload({ timestamp_micros: microsAgo(71 * HOUR_MS) })],
    ["a user property", payload({ user_properties: { plan: { value: "pro" } } })],
    ["consent", payload({ consent: { ad_user_data: "GRANTED", ad_personalization: "DENIED" } })],
    ["hashed user data", payload({ user_id: "u1", user_data: { sha256_email_address: [HASH] } })],
    ["a purchase", purchase({})],
    ["200 items", purchase({ items: Array(200).fill({ item_name: "Mug", price: 4, quantity: 1 }) })],
  ])("has nothing to say against %s", async (_, body) => {
    expect(await validate(body)).toEqual([]);
  });

  it.each<[string, string, object | string]>([
    ["a missing client_id", "VALUE_REQUIRED", payload({ client_id: undefined })],
    ["an empty client_id", "VALUE_REQUIRED", payload({ client_id: "" })],
    ["a body that is not JSON", "VALUE_INVALID", '{"client_id":'],
    ["a body of 130 kB", "VALUE_OUT_OF_BOUNDS", payload({ padding: "x".repeat(130_000) })],
    ["missing events", "VALUE_REQUIRED", payload({ events: undefined })],
    ["no events", "VALUE_REQUIRED", payload({ events: [] })],
    ["26 events", "EXCEEDED_MAX_ENTITIES", payload({ events: Array(26).fill({ name: "sign_up" }) })],
    ["an event without a name", "VALUE_REQUIRED", payload({ events: [{ params: {} }] })],
    ["a name of 41 characters", "NAME_INVALID", withEvent({ name: "x".repeat(41) })],
    ["a name with a space", "NAME_INVALID", withEvent({ name: "Signed Up" })],
    ["a name that starts with a digit", "NAME_INVALID", withEvent({ name: "2nd_step" })],
    ["a reserved name", "NAME_RESERVED", withEvent({ name: "session_start" })],
    ["a reserved prefix", "NAME_RESERVED", withEvent({ name: "ga_thing" })],
    ["an app's event in a web stream", "NAME_RESERVED", withEvent({ name: "screen_view" })],
    ["26 params", "EXCEEDED_MAX_ENTITIES", withParams(properties(26))],
    ["a param's name of 41 characters", "NAME_INVALID", withParams({ ["x".repeat(41)]: 1 })],
    ["a param with a reserved prefix", "NAME_RESERVED", withParams({ google_thing: 1 })],
    ["a param of 101 characters", "VALUE_OUT_OF_BOUNDS", withParams({ plan: "x".repeat(101) })],
    ["an object as a param", "VALUE_INVALID", withParams({ address: { city: "Bern" } })],
    ["an array as a param", "VALUE_INVALID", withParams({ tags: ["a"] })],
    ["26 user properties", "EXCEEDED_MAX_ENTITIES", payload({ user_properties: userProperties(26) })],
    ["a long user property name", "NAME_INVALID", payload({ user_properties: { ["x".repeat(25)]: { value: 1 } } })],
    ["a long user property", "VALUE_OUT_OF_BOUNDS", payload({ user_properties: { p: { value: "x".repeat(37) } } })],
    ["a reserved user property", "NAME_RESERVED", payload({ user_properties: { user_id: { value: "u" } } })],
    ["a user property without its value", "VALUE_INVALID", payload({ user_properties: { plan: "pro" } })],
    ["a timestamp in seconds", "VALUE_INVALID", payload({ timestamp_micros: Math.floor(Date.now() / 1000) })],
    ["a timestamp in milliseconds", "VALUE_INVALID", withEvent({ timestamp_micros: Date.now() })],
    ["a fraction of a microsecond", "VALUE_INVALID", payload({ timestamp_micros: microsAgo(HOUR_MS) + 0.5 })],
    ["an event of more than 72 hours ago", "VALUE_INVALID", payload({ timestamp_micros: microsAgo(73 * HOUR_MS) })],
    ["an event of tomorrow", "VALUE_INVALID", payload({ timestamp_micros: microsAgo(-24 * HOUR_MS) })],
    ["an unknown consent value", "VALUE_INVALID", payload({ consent: { ad_user_data: "granted" } })],
    ["an unhashed address", "VALUE_INVALID", payload({ user_data: { sha256_email_address: ["a@b.ch"] } })],
    ["a purchase without transaction_id", "VALUE_REQUIRED", purchase({ transaction_id: undefined })],
    ["a value without currency", "VALUE_REQUIRED", purchase({ currency: undefined })],
    ["a value in a string", "VALUE_INVALID", purchase({ value: "12.5" })],
    ["an unknown currency", "VALUE_INVALID", purchase({ currency: "EURO" })],
    ["an item without id and name", "VALUE_REQUIRED", purchase({ items: [{ price: 4 }] })],
    ["201 items", "EXCEEDED_MAX_ENTITIES", purchase({ items: Array(201).fill({ item_id: "p1" }) })],
    ["11 custom item params", "EXCEEDED_MAX_ENTITIES", purchase({ items: [{ item_id: "p1", ...properties(11) }] })],
    ["an object within an item", "VALUE_INVALID", purchase({ items: [{ item_id: "p1", size: { eu: 42 } }] })],
    [
      "a client_id of another form, if strict",
      "VALUE_INVALID",
      payload({ client_id: "a1", validation_behavior: "ENFORCE_RECOMMENDATIONS" }),
    ],
  ])("validates: %s is %s", async (_, code, body) => {
    expect((await validate(body)).map((message) => message.validationCode)).toEqual([code]);
  });

  it.each<[string, string, object]>([
    ["api_secret", "measurement_id=G-1", payload()],
    ["api_secret", "measurement_id=G-1&api_secret=", payload()],
    ["measurement_id", "api_secret=s", payload()],
    ["app_instance_id", "firebase_app_id=1:2:web:3&api_secret=s", payload()],
  ])("misses %s in %s", async (field, query, body) => {
    expect(await validate(body, query)).toEqual([
      { fieldPath: field, validationCode: "VALUE_REQUIRED", description: expect.any(String) },
    ]);
  });

  it("words a bad name as Google's documentation does", async () => {
    expect(await validate(withEvent({ name: "_badEventName" }))).toContainEqual({
      fieldPath: "events",
      description:
        "Event at index: [0] has invalid name [_badEventName]. Names must start with an alphabetic character.",
      validationCode: "NAME_INVALID",
    });
  });

  it("answers 204 whatever it is sent, and keeps for the test what it would not say", async () => {
    const events = [{ name: "sign_up", params: { message_id: "m1" } }, { name: "Bad Name" }];
    expect((await collect(payload({ events }))).status).toBe(204);
    expect((await collect("not json")).status).toBe(204);
    const [request, garbage] = sink.requests("ga");
    expect(request).toMatchObject({
      vendor: "ga4",
      events: 2,
      message_ids: ["m1"],
      answer: { status: 204, body: "" },
      validation: [{ validationCode: "NAME_INVALID" }],
    });
    expect(garbage).toMatchObject({ body: "not json", events: 0, validation: [{ validationCode: "VALUE_INVALID" }] });
    expect((await summary()).ga).toMatchObject({ events: 2, accepted_events: 1, refused_events: 1 });
  });

  it("refuses every event of a request that is wrong as a whole", async () => {
    await collect(payload({ client_id: "", events: [{ name: "a" }, { name: "b" }] }));
    expect((await summary()).ga).toMatchObject({ accepted_events: 0, refused_events: 2 });
  });

  it("does not count what the validation server was asked", async () => {
    await validate(payload());
    expect((await summary()).ga).toMatchObject({ requests: 1, events: 0 });
  });

  it("collects in the European region too, and knows no other path", async () => {
    expect((await post(`/ga/region1.google-analytics.com/mp/collect?${QUERY}`, payload())).status).toBe(204);
    expect((await post("/ga/www.google-analytics.com/g/collect", payload())).status).toBe(404);
  });

  function userProperties(count: number) {
    return Object.fromEntries(Object.keys(properties(count)).map((name) => [name, { value: 1 }]));
  }
});

describe("Meta", () => {
  const send = (body: unknown, { path = "/v26.0/123/events", query = "access_token=t0ken", headers = {} } = {}) =>
    post(`/fb/graph.facebook.com${path}?${query}`, body, headers);

  const seconds = (ago = 0) => Math.floor(Date.now() / 1000) - ago;
  const user = { em: [HASH], client_user_agent: "Mozilla/5.0" };
  const event = (over: object = {}) => ({
    event_name: "Lead",
    event_time: seconds(),
    event_id: "e1",
    action_source: "website",
    event_source_url: "https://shop.example/",
    user_data: user,
    ...over,
  });
  const withUser = (over: object) => event({ user_data: { ...user, ...over } });
  const purchase = (custom: object) => event({ event_name: "Purchase", custom_data: custom });
  const money = { currency: "EUR", value: 12.5 };
  const extinfo = ["a2", "", "", "", "14", ...Array(11).fill("")];

  it.each<[string, object]>([
    ["an event of a website", event()],
    ["an event of six days ago", event({ event_time: seconds(6 * 86_400) })],
    ["a sale in a shop a month ago", event({ action_source: "physical_store", event_time: seconds(30 * 86_400) })],
    ["a system's event without a page", event({ action_source: "system_generated", event_source_url: undefined })],
    ["an app's event with its device", event({ action_source: "app", app_data: { extinfo } })],
    ["an address and a browser", event({ user_data: { client_ip_address: "2001:db8::1", client_user_agent: "x" } })],
    ["a hash with Meta's own appendix", withUser({ em: `${HASH}.AQYBAQEA` })],
    ["an external id that is not hashed", withUser({ external_id: ["u-1"] })],
    ["fbp and fbc", withUser({ fbp: "fb.1.1558571054389.1098115397", fbc: "fb.1.1554763741205.IwAR2F4-dbP0l7_x" })],
    ["a purchase", purchase({ ...money, content_type: "product", content_ids: ["p1"], num_items: 1, order_id: "o1" })],
    ["an amount in a string and a currency in lower case", purchase({ currency: "chf", value: "142.52" })],
    [
      "contents",
      purchase({ ...money, contents: [{ id: "p1", quantity: 2, item_price: 4, delivery_category: "in_store" }] }),
    ],
    ["limited data use", event({ data_processing_options: ["LDU"], ...ldu(0, 0) })],
  ])("takes %s", async (_, given) => {
    const response = await send({ data: [given] });
    expect({ status: response.status, body: await response.json() }).toEqual({
      status: 200,
      body: { events_received: 1, messages: [], fbtrace_id: expect.any(String) },
    });
  });

  it.each<[string, number, unknown]>([
    ["an event of eight days ago", 2804003, event({ event_time: seconds(8 * 86_400) })],
    [
      "an event of 63 days ago in a shop",
      2804003,
      event({ action_source: "physical_store", event_time: seconds(63 * 86_400) }),
    ],
    ["a time in milliseconds", 2804019, event({ event_time: Date.now() })],
    ["a time in a string", 2804019, event({ event_time: new Date().toISOString() })],
    ["an event in ten minutes", 2804019, event({ event_time: seconds(-600) })],
    ["an event that is no object", 2804019, 1],
    ["an event without a name", 2804019, event({ event_name: "" })],
    ["an event id that is a number", 2804019, event({ event_id: 1 })],
    ["a key that Meta does not know", 2804019, event({ advertiser_tracking_enabled: true })],
    ["an unknown action source", 2804019, event({ action_source: "web" })],
    ["no action source", 2804019, event({ action_source: undefined })],
    ["a website's event without its page", 2804019, event({ event_source_url: undefined })],
    ["a page without a host", 2804019, event({ event_source_url: "/cart" })],
    ["a website's event without its browser", 2804019, withUser({ client_user_agent: undefined })],
    ["an app's event without its device", 2804043, event({ action_source: "app", app_data: {} })],
    ["no user data", 2804019, event({ action_source: "other", user_data: undefined })],
    ["empty user data", 2804050, event({ action_source: "other", user_data: {} })],
    ["user data of a crowd", 2804050, event({ user_data: { ct: HASH, country: HASH, client_user_agent: "x" } })],
    ["only a browser", 2804050, event({ user_data: { client_user_agent: "x" } })],
    ["an e-mail address in clear", 2804016, withUser({ em: "john@example.com" })],
    ["a hash in capitals", 2804016, withUser({ em: HASH.toUpperCase() })],
    ["a hash in base64", 2804016, withUser({ ph: [Buffer.from(HASH, "hex").toString("base64")] })],
    ["a user key that Meta does not know", 2804019, withUser({ email: HASH })],
    ["an address that is no IP", 2804019, withUser({ client_ip_address: "localhost" })],
    ["an fbp in seconds", 2804019, withUser({ fbp: "fb.1.1558571054.1098115397" })],
    ["a bare fbclid as fbc", 2804019, withUser({ fbc: "IwAR2F4-dbP0l7Mn1Iaw" })],
    ["a purchase without a value", 2804009, purchase({ currency: "EUR" })],
    ["a value that is no number", 2804009, purchase({ currency: "EUR", value: "12,50" })],
    ["a purchase without a currency", 2804010, purchase({ value: 1 })],
    ["a currency of four letters", 2804010, purchase({ value: 1, currency: "EURO" })],
    ["contents without a quantity", 2804019, purchase({ ...money, contents: [{ id: "p1" }] })],
    ["contents that are no array", 2804019, purchase({ ...money, contents: { id: "p1", quantity: 1 } })],
    ["an unknown content type", 2804019, purchase({ ...money, content_type: "sku" })],
    ["content ids that are no array", 2804019, purchase({ ...money, content_ids: "p1" })],
    ["limited data use nowhere", 2804019, event({ data_processing_options: ["LDU"] })],
  ])("refuses the whole request for %s (%i)", async (_, subcode, given) => {
    const response = await send({ data: [event(), given] });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: {
        message: "Invalid parameter",
        type: "OAuthException",
        code: 100,
        error_subcode: subcode,
        is_transient: false,
        error_user_title: expect.any(String),
        error_user_msg: expect.any(String),
        fbtrace_id: expect.any(String),
      },
    });
    expect((await summary()).fb).toMatchObject({ events: 2, accepted_events: 0, refused_events: 2 });
  });

  it.each<[string, number, number, unknown]>([
    ["a body that is not JSON", 400, 100, "{"],
    ["a body that is an array", 400, 100, [event()]],
    ["no data", 400, 100, {}],
    ["empty data", 400, 100, { data: [] }],
    ["1001 events", 400, 100, { data: Array(1001).fill(event()) }],
  ])("refuses %s", async (_, status, code, body) => {
    const response = await send(body);
    expect(response.status).toBe(status);
    expect((await read<MetaError>(response)).error.code).toBe(code);
  });

  it.each<[string, number, number, Parameters<typeof send>[1]]>([
    ["no token", 401, 190, { query: "" }],
    ["an expired token", 400, 190, { query: "access_token=EXPIRED" }],
    ["an expired bearer token", 400, 190, { query: "", headers: { authorization: "Bearer EXPIRED" } }],
    ["a version that is not out yet", 400, 2500, { path: "/v99.0/123/events" }],
    ["a version that has expired", 400, 2635, { path: "/v15.0/123/events" }],
    ["no version", 404, 2500, { path: "/123/events" }],
    ["another edge", 404, 2500, { path: "/v26.0/123/activities" }],
    ["a pixel that is no number", 400, 100, { path: "/v26.0/my-pixel/events" }],
  ])("refuses a call with %s", async (_, status, code, options) => {
    const response = await send({ data: [event()] }, options);
    expect(response.status).toBe(status);
    expect((await read<MetaError>(response)).error.code).toBe(code);
  });

  it("takes the token as a bearer or in the body, and 1000 events", async () => {
    const data = Array.from({ length: 1000 }, (_, index) => event({ event_id: `e${index}` }));
    const headers = { authorization: "Bearer t0ken" };
    expect((await send({ data }, { query: "", headers })).status).toBe(200);
    expect((await send({ data, access_token: "t0ken" }, { query: "" })).status).toBe(200);
  });

  it("reads a form whose data is an array of JSON strings", async () => {
    const form = new URLSearchParams({ data: JSON.stringify([JSON.stringify(event())]), access_token: "t0ken" });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect((await send(form.toString(), { query: "", headers })).status).toBe(200);
    expect(sink.requests("fb")[0]).toMatchObject({ events: 1, message_ids: ["e1"] });
    expect(JSON.stringify(sink.requests())).not.toContain("t0ken");
  });

  it("knows an event again by its name and id", async () => {
    await send({ data: [event(), event({ event_id: "e2" })] });
    await send({ data: [event(), event({ event_name: "Contact" })] });
    expect((await summary()).fb).toMatchObject({ events: 4, accepted_events: 4, duplicates: 1 });
  });

  function ldu(country: number, state: number) {
    return { data_processing_options_country: country, data_processing_options_state: state };
  }
});

describe("a customer's webhook", () => {
  const envelope = { message_id: "m1", type: "track", properties: { message_id: "not this one" } };

  function signed(body: string, { secret = SECRET, at = new Date(), id = "msg_1" } = {}) {
    return {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(secret).sign(id, at, body),
    };
  }
  const deliver = (body: string, headers: Record<string, string>) => post("/signed/hooks.example/in", body, headers);

  it("takes a body whose signature verifies, also as one of several", async () => {
    const body = JSON.stringify(envelope);
    const headers = signed(body);
    expect((await deliver(body, headers)).status).toBe(200);
    headers["webhook-signature"] = `v1,AAAA ${headers["webhook-signature"]}`;
    expect((await deliver(body, headers)).status).toBe(200);
    expect(sink.requests("signed")[0]).toMatchObject({ vendor: "webhook", signature: "verified", message_ids: ["m1"] });
  });

  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
  it.each<[string, string, (body: string) => Record<string, string>]>([
    ["no headers", "Missing required headers", () => ({})],
    ["another secret", "No matching signature found", (body) => signed(body, { secret: "whsec_b3RoZXIgc2VjcmV0" })],
    ["another body", "No matching signature found", (body) => signed(`${body} `)],
    ["another id", "No matching signature found", (body) => ({ ...signed(body), "webhook-id": "msg_2" })],
    ["an old timestamp", "Message timestamp too old", (body) => signed(body, { at: minutesAgo(6) })],
    ["a timestamp to come", "Message timestamp too new", (body) => signed(body, { at: minutesAgo(-6) })],
  ])("refuses %s and says %s", async (_, reason, headers) => {
    const body = JSON.stringify(envelope);
    const response = await deliver(body, headers(body));
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: reason });
    expect(sink.requests("signed")[0]).toMatchObject({ signature: reason, events: 1 });
    expect((await summary()).signed).toMatchObject({ accepted_events: 0, refused_events: 1 });
  });

  it("does not check the signature when it knows no secret", async () => {
    expect((await post("/hook/hooks.example/in", envelope)).status).toBe(200);
    expect(sink.requests("hook")[0]?.signature).toBe("unchecked");
  });

  it.each<[string, unknown, string[], number]>([
    ["one envelope", envelope, ["m1"], 1],
    ["type, timestamp and data", { type: "track", timestamp: "2026-11-20T10:00:00Z", data: envelope }, ["m1"], 1],
    ["an array", [envelope, { message_id: "m2" }], ["m1", "m2"], 2],
    ["a batch", { batch: [envelope, { message_id: "m2" }] }, ["m1", "m2"], 2],
    ["something without ids", { hello: "there" }, [], 1],
    ["ids too deep to be meant", { a: { b: { c: envelope } } }, [], 1],
  ])("finds the events in %s", async (_, body, ids, events) => {
    await post("/hook/hooks.example/in", body);
    expect(sink.requests("hook")[0]).toMatchObject({ message_ids: ids, events });
  });

  it("refuses what is not JSON and what is over 20 MB, and takes 10 MB", async () => {
    expect((await post("/hook/hooks.example/in", "<xml/>")).status).toBe(400);
    expect((await post("/hook/hooks.example/in", { text: "x".repeat(10 * 1024 * 1024) })).status).toBe(200);
    expect((await post("/hook/hooks.example/in", { text: "x".repeat(20 * 1024 * 1024) })).status).toBe(413);
  });
});

describe("behaviours", () => {
  const ga = () => post("/ga/www.google-analytics.com/mp/collect?measurement_id=G&api_secret=s", gaBody);
  const gaBody = { client_id: "1.2", events: [{ name: "a" }, { name: "b" }] };
  const hook = () => post("/hook/hooks.example/in", { message_id: "m1" });
  const fb = (events = 1) => post("/fb/graph.facebook.com/v26.0/1/events?access_token=t", { data: metaEvents(events) });

  it.each<[string, () => Promise<Response>]>([
    ["ga", ga],
    ["fb", fb],
    ["hook", hook],
  ])("429 tells %s when to come back", async (integration, call) => {
    sink.behave(integration, "429");
    const response = await call();
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await summary())[integration]).toMatchObject({ accepted_events: 0, by_status: { 429: 1 } });
  });

  it("429 and 500 of Meta have Meta's own bodies", async () => {
    sink.behave("fb", "429");
    expect((await read<MetaError>(await fb())).error).toMatchObject({ code: 80004, type: "OAuthException" });
    sink.behave("fb", "500");
    const response = await fb();
    expect(response.status).toBe(500);
    expect((await read<MetaError>(response)).error).toMatchObject({ code: 2, is_transient: true });
  });

  it("500 fails the others as well", async () => {
    sink.behave("ga", "500");
    sink.behave("hook", "500");
    expect([(await ga()).status, (await hook()).status]).toEqual([500, 500]);
  });

  it("hang answers when the behaviour ends", async () => {
    sink.behave("hook", "hang", 200);
    const begin = Date.now();
    expect((await hook()).status).toBe(200);
    expect(Date.now() - begin).toBeGreaterThanOrEqual(190);
  });

  it("hang shows the request while it waits, and notes a client that gives up", async () => {
    sink.behave("hook", "hang");
    const leaving = new AbortController();
    const answer = fetch(`${sink.url}/hook/hooks.example/in`, { method: "POST", body: "{}", signal: leaving.signal });
    await expect.poll(() => sink.requests("hook").length).toBe(1);
    expect(sink.requests("hook")[0]?.answer).toEqual({ status: 0, body: "no answer yet" });
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await expect.poll(() => sink.requests("hook")[0]?.answer.body).toBe("the client gave up");
    expect((await summary()).hook).toMatchObject({ refused_events: 1, by_status: { 0: 1 } });
  });

  it("close breaks the connection after it has read the request", async () => {
    sink.behave("hook", "close");
    await expect(hook()).rejects.toThrow();
    expect(sink.requests("hook")[0]?.answer).toEqual({ status: 0, body: "the connection was closed" });
  });

  it("partial takes every other event, or every other request where there is no such thing", async () => {
    for (const integration of ["ga", "fb", "hook"]) sink.behave(integration, "partial");
    expect((await ga()).status).toBe(204);
    expect(await (await fb(5)).json()).toMatchObject({ events_received: 3 });
    expect([(await hook()).status, (await hook()).status, (await hook()).status]).toEqual([200, 502, 200]);
    expect(await summary()).toMatchObject({
      ga: { accepted_events: 1, refused_events: 1 },
      fb: { accepted_events: 3, refused_events: 2 },
      hook: { accepted_events: 2, refused_events: 1, duplicates: 1 },
    });
  });

  it("error-in-200 says in the body that it failed, except of GA4, which cannot", async () => {
    for (const integration of ["ga", "fb", "hook"]) sink.behave(integration, "error-in-200");
    const [meta, webhook] = [await fb(), await hook()];
    expect([meta.status, webhook.status, (await ga()).status]).toEqual([200, 200, 204]);
    expect((await read<MetaError>(meta)).error).toMatchObject({ code: 2 });
    expect(await webhook.json()).toEqual({ error: expect.any(String) });
    expect(await summary()).toMatchObject({
      fb: { accepted_events: 0 },
      hook: { accepted_events: 0 },
      ga: { accepted_events: 2 },
    });
  });

  it("holds for one integration only, and for the time that was asked", async () => {
    const set = await post("/behaviour", { integration: "hook", mode: "500", for_ms: 150 });
    expect(set.status).toBe(200);
    expect(await set.json()).toEqual({ integration: "hook", mode: "500", until: expect.stringMatching(/Z$/) });
    expect([(await hook()).status, (await ga()).status]).toEqual([500, 204]);
    await expect.poll(async () => (await hook()).status).toBe(200);
  });

  it.each<[string, unknown]>([
    ["an unknown mode", { integration: "hook", mode: "sulk" }],
    ["no integration", { mode: "ok" }],
    ["a time that is no number", { integration: "hook", mode: "ok", for_ms: "1s" }],
    ["a body that is not JSON", "mode=ok"],
  ])("refuses to be told %s", async (_, body) => {
    const response = await post("/behaviour", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: { code: "invalid", message: expect.any(String) } });
  });

  function metaEvents(count: number) {
    return Array.from({ length: count }, (_, index) => ({
      event_name: "Lead",
      event_time: Math.floor(Date.now() / 1000),
      event_id: `e${index}`,
      action_source: "other",
      user_data: { external_id: "u1" },
    }));
  }
});

describe("the control surface", () => {
  const hook = (id: string, integration = "hook") => post(`/${integration}/hooks.example/in?x=1`, { message_id: id });

  it("lists what was sent, oldest first, by integration and page by page", async () => {
    for (const id of ["m1", "m2", "m3"]) await hook(id);
    await hook("other", "a%20name");
    const all = await list("integration=hook");
    expect(all.map((request) => request.message_ids)).toEqual([["m1"], ["m2"], ["m3"]]);
    expect(await list(`integration=hook&since=${all[1]?.index}&limit=1`)).toEqual([all[1]]);
    expect(await list("integration=a%20name")).toHaveLength(1);
    expect(await list("")).toHaveLength(4);
    expect(all[0]).toEqual({
      index: expect.any(Number),
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      integration: "hook",
      vendor: "webhook",
      method: "POST",
      url: "https://hooks.example/in?x=1",
      headers: expect.objectContaining({ "content-type": "application/json" }),
      body: { message_id: "m1" },
      events: 1,
      message_ids: ["m1"],
      answer: { status: 200, body: { received: true } },
      signature: "unchecked",
    });
  });

  it("sums up what each integration was sent", async () => {
    await hook("m1");
    await hook("m1");
    sink.behave("hook", "500");
    await hook("m1");
    expect(await summary()).toEqual({
      hook: {
        requests: 3,
        events: 3,
        accepted_events: 2,
        refused_events: 1,
        by_status: { 200: 2, 500: 1 },
        duplicates: 1,
      },
    });
  });

  it("forgets everything when told to", async () => {
    await hook("m1");
    expect((await fetch(`${sink.url}/requests`, { method: "DELETE" })).status).toBe(204);
    expect([await list(""), await summary()]).toEqual([[], {}]);
  });

  it("never shows a secret", async () => {
    const headers = { authorization: "Bearer s3cret" };
    await post("/fb/graph.facebook.com/v26.0/1/events?a=1&access_token=s3cret&b=2", { data: [] }, headers);
    await post("/fb/graph.facebook.com/v26.0/1/events", { data: [], access_token: "s3cret" });
    await post("/ga/www.google-analytics.com/mp/collect?api_secret=s3cret&measurement_id=G-1", {});
    const shown = await (await fetch(`${sink.url}/requests`)).text();
    expect(shown).not.toContain("s3cret");
    expect(sink.requests().map((request) => request.url)).toEqual([
      "https://graph.facebook.com/v26.0/1/events?a=1&access_token=***&b=2",
      "https://graph.facebook.com/v26.0/1/events",
      "https://www.google-analytics.com/mp/collect?api_secret=***&measurement_id=G-1",
    ]);
  });

  it("answers 404 to what is neither for itself nor for a vendor", async () => {
    for (const path of ["/", "/favicon.ico", "/hook/", "/hook/%%%bad host/x"])
      expect((await fetch(sink.url + path)).status, path).toBe(404);
  });
});

describe("the server", () => {
  it("survives connections that break off and bytes that are not HTTP", async () => {
    for (const bytes of [
      "POST /hook/hooks.example/in HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{",
      "\0\x01nonsense\r\n\r\n",
    ]) {
      const socket = connect(sink.port, "127.0.0.1");
      await once(socket, "connect");
      await new Promise((written) => socket.write(bytes, written));
      socket.destroy();
    }
    expect((await post("/hook/hooks.example/in", {})).status).toBe(200);
  });

  it("closes at once, though requests hang", async () => {
    const other = await startVendorSink();
    other.behave("hook", "hang");
    const waiting = fetch(`${other.url}/hook/hooks.example/in`, { method: "POST", body: "{}" });
    const broken = expect(waiting).rejects.toThrow();
    await expect.poll(() => other.requests().length).toBe(1);
    const begin = Date.now();
    await other.close();
    await broken;
    expect(Date.now() - begin).toBeLessThan(1000);
  });

  it("runs by itself and says where it is", async () => {
    const child = spawn("node_modules/.bin/node", ["test/vendor-sink/main.ts", "--port", "0"]);
    const [line] = await once(child.stdout, "data");
    expect(String(line)).toMatch(/^vendor sink on http:\/\/127\.0\.0\.1:\d+\n$/);
    child.kill();
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(sink.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

async function summary(): Promise<Record<string, Totals>> {
  return read(await fetch(`${sink.url}/summary`));
}

async function list(query: string): Promise<RecordedRequest[]> {
  return read(await fetch(`${sink.url}/requests?${query}`));
}

/** What a test expects of a body is its type. */
async function read<Body>(response: Response): Promise<Body> {
  return (await response.json()) as Body;
}

interface MetaError {
  error: { code: number };
}
