import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { hmacSha256 } from "../../../core/hash.ts";
import { anEvent } from "../../../test/an-event.ts";
import { type Destination, type Example, isSkip, splitSecrets, type VendorResponse } from "../destination.ts";
import { ga4 } from "./ga4.ts";
import { destinationNamed, destinations } from "./index.ts";
import { meta } from "./meta.ts";
import { webhook } from "./webhook.ts";

const moment = { now: new Date("2026-11-20T10:00:02.000Z") };

// biome-ignore lint/suspicious/noExplicitAny: the settings of any destination.
function settingsOf(destination: Destination, differences: object = {}): any {
  return destination.settings.parse({ ...destination.exampleSettings, ...differences });
}

function mapped(destination: Destination, { in: given, settings }: Pick<Example<object>, "in" | "settings">) {
  const parsed = settingsOf(destination, settings);
  const { open } = splitSecrets(destination.settings, parsed);
  return destination.map(deepFrozen(anEvent(given)), open);
}

function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const held of Object.values(Object.freeze(value))) deepFrozen(held);
  return value;
}

function answer(status: number, body: unknown = "", headers: Record<string, string> = {}): VendorResponse {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers, body: text, json: typeof body === "string" ? undefined : body };
}

describe.each(Object.entries(destinations))("%s", (name, destination) => {
  const { examples, exampleSettings, limits } = destination;

  it.each(examples.map((example) => [example.title, example] as const))("%s", (_, example) => {
    expect(mapped(destination, example)).toEqual(example.out);
  });

  it("is registered under its name, with a dozen examples told apart by their titles", () => {
    expect(destination.name).toBe(name);
    expect(examples.length).toBeGreaterThanOrEqual(12);
    expect(new Set(examples.map(({ title }) => title)).size).toBe(examples.length);
  });

  it("maps the same event to the same payload, which survives JSON", () => {
    for (const example of examples) {
      const payload = mapped(destination, example);
      expect(mapped(destination, example)).toEqual(payload);
      expect(JSON.parse(JSON.stringify(payload))).toEqual(payload);
    }
  });

  it.skipIf(!destination.payload)("has a schema that takes each of those payloads, and not just anything", () => {
    for (const example of examples) {
      const payload = mapped(destination, example);
      if (!isSkip(payload)) expect(destination.payload!.safeParse(payload).error?.issues).toBeUndefined();
    }
    for (const other of [{}, [], "text", null]) expect(destination.payload!.safeParse(other).success).toBe(false);
  });

  it("seals its secrets and shows none of them in a payload", () => {
    const { open, secrets } = splitSecrets(destination.settings, exampleSettings);
    expect(Object.keys(secrets).length).toBeGreaterThan(0);
    expect({ ...open, ...secrets }).toEqual(settingsOf(destination));
    const payloads = JSON.stringify(examples.map((example) => mapped(destination, example)));
    const values = Object.values(secrets).flatMap((value) =>
      typeof value === "string" ? value : Object.values(value!),
    );
    for (const value of [...Object.values(secrets), ...values]) expect(payloads).not.toContain(value);
  });

  it("makes a valid request of every payload, and of as many as go together", async () => {
    const payloads = examples.map((example) => mapped(destination, example)).filter((payload) => !isSkip(payload));
    expect(payloads.length).toBeGreaterThan(0);
    const groups = Map.groupBy(payloads, (payload) => destination.groupBy?.(payload) ?? "");
    const batches = [...groups.values()].map((group) => group.slice(0, limits.eventsPerRequest));
    for (const batch of [...payloads.map((payload) => [payload]), ...batches]) {
      const { url, method, headers, body, bytes } = await destination.request(batch, settingsOf(destination), moment);
      expect(new URL(url).protocol).toBe("https:");
      if (bytes) {
        expect([method, body]).toEqual(["PUT", expect.stringContaining(`${bytes.byteLength} bytes`)]);
        continue;
      }
      expect(method).toBe("POST");
      expect(new Headers(headers).get("content-type")).toMatch(/^application\/([a-z.0-9]+\+)?json$/);
      expect(Object.keys(headers).every((header) => header === header.toLowerCase())).toBe(true);
      // Kafka's is one JSON after the other.
      for (const text of name === "kafka" ? body.split("\n") : [body]) expect(JSON.parse(text)).toBeTypeOf("object");
    }
  });
});

it("knows nothing under names that JavaScript gives to every object", () => {
  expect(destinationNamed("meta")).toBe(meta);
  expect([destinationNamed("constructor"), destinationNamed("")]).toEqual([undefined, undefined]);
});

describe("ga4", () => {
  const settings = settingsOf(ga4);
  const map = (given: Example<object>["in"], differences?: object) => {
    const payload = mapped(ga4, { in: given, ...(differences && { settings: differences }) });
    if (isSkip(payload)) throw new Error(payload.detail);
    return payload;
  };

  it("puts the secret into the address, what is shared above and the events below", async () => {
    const payloads = [map({ message_id: "m1", event: "A" }), map({ message_id: "m2", event: "B" })];
    const { url, body } = await ga4.request(payloads, settings, moment);
    expect(url).toBe(
      "https://www.google-analytics.com/mp/collect?measurement_id=G-EXAMPLE123&api_secret=example-api-secret",
    );
    const { events, ...shared } = JSON.parse(body);
    expect(shared).toEqual({ client_id: "1760531994.3135374189" });
    expect(events.map((event: { name: string }) => event.name)).toEqual(["A", "B"]);
  });

  it("sends to Europe where the settings say so", async () => {
    const { url } = await ga4.request([map({})], settingsOf(ga4, { endpoint_region: "eu" }), moment);
    expect(new URL(url).host).toBe("region1.google-analytics.com");
  });

  it.each([
    ["the visitor", { anonymous_id: "a2" }],
    ["the user", { user_id: "u1" }],
    ["consent", { context: { consent: { marketing: false } } }],
    ["the place", { context: { ip: "203.0.113.7" } }],
    ["the device", { context: { locale: "de" } }],
  ])("never lets events that differ by %s share a request", (_, given) => {
    expect(ga4.groupBy!(map(given))).not.toBe(ga4.groupBy!(map({})));
    expect(ga4.groupBy!(map({ event: "Other", ...given }))).toBe(ga4.groupBy!(map(given)));
  });

  it("keeps 25 parameters, those that reports need before the customer's own", () => {
    const own = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`own_${i}`, i]));
    const { params } = map({
      event: "Order Completed",
      properties: { ...own, order_id: "o1", value: 5, currency: "EUR" },
    }).event;
    expect(Object.keys(params)).toHaveLength(25);
    expect(params).toMatchObject({
      transaction_id: "o1",
      value: 5,
      currency: "EUR",
      engagement_time_msec: 1,
      own_0: 0,
    });
  });

  it("cuts what is too long, never half of a character; a page's address may be longer", () => {
    const page = {
      url: `https://shop.example/${"x".repeat(2_000)}`,
      title: "t".repeat(400),
      referrer: "r".repeat(500),
    };
    const { name, params } = map({
      event: "e".repeat(60),
      properties: { ["k".repeat(60)]: `${"v".repeat(99)}😀`, products: [{ product_id: "p".repeat(150) }] },
      context: { page },
    }).event;
    expect(name).toHaveLength(40);
    expect(params["k".repeat(40)]).toBe("v".repeat(99));
    expect((params.page_location as string).length).toBe(1_000);
    expect((params.page_title as string).length).toBe(300);
    expect((params.page_referrer as string).length).toBe(420);
    expect(params.items).toEqual([{ item_id: "p".repeat(100) }]);
  });

  it("leaves out a message_id that would have to be cut, and refuses such an order id", () => {
    expect(map({ message_id: "m".repeat(101) }).event.params).not.toHaveProperty("message_id");
    const properties = { order_id: "o".repeat(101) };
    expect(mapped(ga4, { in: { event: "Order Completed", properties } })).toMatchObject({ skip: "invalid_value" });
  });

  it("keeps 200 items and 10 parameters of the customer's own in each", () => {
    const own = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`own_${i}`, i]));
    const products = Array.from({ length: 201 }, (_, i) => ({ product_id: `p${i}`, ...own, ga_x: 1, item_id: "mine" }));
    const items = map({ event: "Cart Viewed", properties: { products } }).event.params.items as object[];
    expect(items).toHaveLength(200);
    expect(Object.keys(items[0]!)).toEqual(["item_id", ...Array.from({ length: 10 }, (_, i) => `own_${i}`)]);
    expect(items[7]).toMatchObject({ item_id: "p7" });
  });

  it.each([
    ["3d Viewer Opened", "event_3d_Viewer_Opened"],
    ["(open)", "open"],
    ["Заказ оформлен", "Заказ_оформлен"],
    ["add_to_cart", "add_to_cart"],
    ["ORDER refunded", "refund"],
  ])("names %j %j", (event, name) => {
    expect(map({ event, properties: { order_id: "o1" } }).event.name).toBe(name);
  });

  it.each(["first_open", "user_engagement", "screen_view", "ga_checked", "google_thing", "firebase_x", "query_id_1"])(
    "refuses the reserved name %s",
    (event) => expect(mapped(ga4, { in: { event } })).toMatchObject({ skip: "invalid_value" }),
  );

  it("takes a client id only in Google's form, and always makes the same one of an anonymous id", () => {
    const of = (given: Example<object>["in"]) => map(given).shared.client_id;
    expect(of({ context: { vendor_ids: { ga_client_id: "GA1.1.12.34" } } })).toBe(of({}));
    expect(of({ anonymous_id: crypto.randomUUID() })).toMatch(/^[1-9]\d*\.[1-9]\d*$/);
  });

  it.each([
    ["72 hours to the millisecond", "2026-11-17T10:00:01.000Z", undefined],
    ["a millisecond more", "2026-11-17T10:00:00.999Z", "too_old"],
    ["15 minutes ahead", "2026-11-20T10:15:01.000Z", undefined],
    ["a millisecond further", "2026-11-20T10:15:01.001Z", "in_the_future"],
  ])("judges time by the arrival: %s", (_, timestamp, refusal) => {
    const payload = mapped(ga4, { in: { timestamp } });
    expect(isSkip(payload) ? payload.skip : undefined).toBe(refusal);
  });

  it.each([
    [204, "", { outcome: "delivered" }],
    [200, "{}", { outcome: "delivered" }],
    [500, "", { outcome: "retry" }],
    [503, "", { outcome: "retry", after_s: 30 }],
    [429, "", { outcome: "retry", after_s: 30 }],
    [403, "", { outcome: "unauthorised" }],
    [400, "bad", { outcome: "rejected", reason: "HTTP 400: bad" }],
    [413, "", { outcome: "rejected" }],
  ])("HTTP %i %j: %j", (status, body, outcome) => {
    const response = answer(status, body, { "retry-after": "30" });
    expect(ga4.outcome(response, [map({})])).toMatchObject(outcome);
    const whole = outcome.outcome === "rejected" ? { outcome: "batch_refused" } : outcome;
    expect(ga4.outcome(response, [map({}), map({})])).toMatchObject(whole);
  });
});

describe("meta", () => {
  const context = { user_agent: "Test/1.0", page: { url: "https://shop.example/" } };
  // biome-ignore lint/suspicious/noExplicitAny: skips are not expected here.
  const map = (given: Example<object>["in"] = {}): any => mapped(meta, { in: { context, ...given } });

  it("keeps the token out of the address and adds the test code to the request", async () => {
    const settings = settingsOf(meta, { test_event_code: "TEST12345" });
    const { url, headers, body } = await meta.request([map(), map()], settings, moment);
    expect(url).toBe("https://graph.facebook.com/v26.0/1234567890/events");
    expect(headers.authorization).toBe("Bearer EAAexample-access-token");
    expect(JSON.parse(body)).toMatchObject({ test_event_code: "TEST12345", data: [{}, {}] });
  });

  it("tells contact details in hashes only", () => {
    const traits = { email: "jane@example.com", phone: "+4989123456", firstName: "Jane", lastName: "Doe" };
    const payload = JSON.stringify(map({ event: "Quiz", context: { ...context, traits }, properties: { ...traits } }));
    for (const value of Object.values(traits)) expect(payload).not.toContain(value);
  });

  it.each(["Lead", "Purchase", "StartTrial", "Schedule", "My Event"])("passes %s as it is written", (event) => {
    expect(map({ event, properties: { value: 1, currency: "EUR" } }).event_name).toBe(event);
  });

  const fbtrace_id = "EJplcsCHuLu";
  const error = (code: number, more: object = {}) => ({
    error: { message: "Meta says no", type: "OAuthException", code, fbtrace_id, ...more },
  });

  it.each([
    ["all received", 200, { events_received: 1, messages: [], fbtrace_id }, "delivered"],
    ["an error in a 200", 200, error(100), "rejected"],
    ["a passing error in a 400", 400, error(2), "retry"],
    ["throttling of the app in a 403", 403, error(4), "retry"],
    ["throttling of the user", 400, error(17), "retry"],
    ["throttling of calls", 400, error(613), "retry"],
    ["throttling of the ad account", 400, error(80_004), "retry"],
    ["an unknown error", 500, error(1), "retry"],
    ["the application's limit", 400, error(341), "retry"],
    ["a block that ends", 400, error(368), "retry"],
    ["what Meta marks as transient", 400, error(100, { is_transient: true }), "retry"],
    ["an unlisted code with a 503", 503, error(9_999), "retry"],
    ["an expired token", 400, error(190, { error_subcode: 463 }), "unauthorised"],
    ["a changed password", 401, error(190, { error_subcode: 460 }), "unauthorised"],
    ["a session error", 400, error(102), "unauthorised"],
    ["a missing permission", 403, error(200), "unauthorised"],
    ["another missing permission", 403, error(10), "unauthorised"],
    ["a pixel that does not exist", 400, error(100, { error_subcode: 33 }), "unauthorised"],
    ["too old", 400, error(100, { error_subcode: 2_804_003 }), "rejected"],
    ["an invalid parameter", 400, error(100, { error_subcode: 2_804_019 }), "rejected"],
    ["an invalid parameter in a 500", 500, error(100), "rejected"],
    ["too many parameters", 400, error(105), "rejected"],
    ["an unlisted code", 400, error(9_999), "rejected"],
    ["none received", 200, { events_received: 0 }, "rejected"],
    ["a request too large", 413, "<html>", "rejected"],
    ["a proxy's page", 404, "<html>", "retry"],
    ["a proxy's page that says all is well", 200, "<html>", "retry"],
    ["nothing that confirms", 200, {}, "retry"],
  ])("%s: HTTP %i %j is %s", (_, status, body, outcome) => {
    expect(meta.outcome(answer(status, body), [map()])).toMatchObject({ outcome });
  });

  it("has a refused request bisected, and one that arrived in part as well", () => {
    const refusals = [
      answer(400, error(100, { error_subcode: 2_804_003 })),
      answer(200, { events_received: 1 }),
      answer(413, "<html>"),
    ];
    for (const response of refusals) {
      expect(meta.outcome(response, [map(), map()])).toMatchObject({ outcome: "batch_refused" });
    }
    expect(meta.outcome(answer(200, { events_received: 2 }), [map(), map()])).toEqual({ outcome: "delivered" });
  });

  it("gives Meta's own words, without a token that they quote", () => {
    const said = { error_user_msg: "Event too old", error_subcode: 2_804_003 };
    expect(meta.outcome(answer(400, error(100, said)), [map()])).toEqual({
      outcome: "rejected",
      reason: "Event too old (code 100/2804003, fbtrace_id EJplcsCHuLu)",
    });
    const token = `EAA${"x".repeat(180)}`;
    const quoted = meta.outcome(answer(400, error(190, { message: `Malformed access token ${token}` })), [map()]);
    expect(JSON.stringify(quoted)).not.toContain("xxx");
  });
});

describe("webhook", () => {
  const settings = settingsOf(webhook);
  // biome-ignore lint/suspicious/noExplicitAny: a webhook skips nothing.
  const map = (given: Example<object>["in"] = {}): any => mapped(webhook, { in: given });
  const rotated = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfgh0uyMRI=";

  it("signs as the specification does", () => {
    const key = Uint8Array.from(atob("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), (c) => c.charCodeAt(0));
    const signed = 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}';
    expect(hmacSha256(key, signed)).toBe("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  it("is accepted by a receiver that uses the standard library, with either secret while one replaces another", async () => {
    const { secret } = settings;
    const both = settingsOf(webhook, { secret: `${secret} ${rotated}` });
    const payload = map({ properties: { hat: "Zylinder ü ✓" } });
    const { headers, body } = await webhook.request([payload], both, { now: new Date() });
    for (const one of [secret, rotated]) expect(new Webhook(one).verify(body, headers)).toEqual(payload);
    expect(headers["webhook-signature"]!.split(" ")).toHaveLength(2);
    const other = new Webhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    expect(() => other.verify(body, headers)).toThrow();
  });

  it("repeats its id and body at every attempt, under the time of the attempt", async () => {
    const payload = map({ message_id: "m1" });
    const first = await webhook.request([payload], settings, moment);
    const second = await webhook.request([payload], settings, { now: new Date("2026-11-20T11:00:00.500Z") });
    expect(second.body).toBe(first.body);
    expect(first.headers).toMatchObject({ "webhook-id": "m1", "webhook-timestamp": "1795168802" });
    expect(second.headers).toMatchObject({ "webhook-id": "m1", "webhook-timestamp": "1795172400" });
  });

  it.each(["a.1614265330", "Bestellung №5", "a b", "a\r\nx-evil: 1"])(
    "tells the message_id %j by its hash",
    async (id) => {
      const { headers } = await webhook.request([map({ message_id: id })], settings, moment);
      expect(headers["webhook-id"]).toMatch(/^msg_[0-9a-f]{64}$/);
    },
  );

  it("adds the customer's headers, never instead of its own", async () => {
    const { headers } = await webhook.request([map()], settings, moment);
    expect(headers.authorization).toBe("Bearer example-receiver-token");
    for (const name of ["Webhook-Id", "content-type", "Host", "bad name", ""]) {
      expect(webhook.settings.safeParse({ ...webhook.exampleSettings, headers: { [name]: "x" } }).success).toBe(false);
    }
    expect(webhook.settings.safeParse({ ...webhook.exampleSettings, headers: { a: "x\r\ny" } }).success).toBe(false);
  });

  it.each([
    "http://hooks.example.com/",
    "https://localhost/",
    "https://printer.local/",
    "https://intranet/",
    "https://metadata.google.internal/",
    "https://127.0.0.1/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://localhost./",
    "https://user:pass@hooks.example.com/",
    "ftp://hooks.example.com/",
    "not an address",
  ])("refuses the address %s", (url) => {
    expect(webhook.settings.safeParse({ ...webhook.exampleSettings, url }).success).toBe(false);
  });

  it.each([
    "https://hooks.example.com:8443/a?b=c",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://172.32.0.1/",
  ])("takes the address %s", (url) =>
    expect(webhook.settings.safeParse({ ...webhook.exampleSettings, url }).success).toBe(true),
  );

  it.each([
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_c2hvcnQ=",
    `whsec_${btoa("x".repeat(65))}`,
    `${rotated} nonsense`,
    "",
  ])("refuses the secret %s", (secret) =>
    expect(webhook.settings.safeParse({ ...webhook.exampleSettings, secret }).success).toBe(false),
  );

  it.each([
    [200, {}, { outcome: "delivered" }],
    [204, {}, { outcome: "delivered" }],
    [410, {}, { outcome: "rejected", reason: "HTTP 410 Gone: the receiver wants no more webhooks" }],
    [
      302,
      { location: "https://elsewhere.example" },
      { outcome: "rejected", reason: expect.stringContaining("elsewhere") },
    ],
    [304, {}, { outcome: "rejected" }],
    [429, { "retry-after": "120" }, { outcome: "retry", after_s: 120 }],
    [500, {}, { outcome: "retry" }],
    [502, {}, { outcome: "retry" }],
    [503, { "retry-after": "5" }, { outcome: "retry", after_s: 5 }],
    [504, {}, { outcome: "retry" }],
    [401, {}, { outcome: "unauthorised" }],
    [404, {}, { outcome: "rejected" }],
  ])("HTTP %i %j: %j", (status, headers, outcome) => {
    expect(webhook.outcome(answer(status, "", headers), [map()])).toMatchObject(outcome);
  });
});
