/** What the stand-ins refuse, each as its vendor's reference says. Those of GA4, Meta and the webhook are tried in sink.test.ts. */
import { describe, expect, it } from "vitest";
import { startVendorSink } from "./sink.ts";
import type { VendorCall, Verdict } from "./vendor.ts";
import { vendorAt } from "./vendors.ts";

const NOW = Date.parse("2026-11-20T10:00:02.000Z");
const SECONDS = Math.floor(NOW / 1_000) - 2;
const HASH = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

type Json = Record<string, unknown>;
interface Case {
  url: string;
  headers?: Record<string, string>;
  /** The body around some events. */
  around(events: unknown[]): unknown;
  event: Json;
  /** What makes the event wrong, in words and as what differs. */
  wrong: Record<string, Json>;
  /** One more than the most in a request. */
  tooMany: number;
  /** Whether the other events of the request are taken. */
  takesOthers?: boolean;
}

const auth = { authorization: "Bearer t0ken" };
const user = { em: [HASH], client_ip_address: "203.0.113.7", client_user_agent: "Mozilla/5.0" };

const CASES: Record<string, Case> = {
  tiktok: {
    url: "https://business-api.tiktok.com/open_api/v1.3/event/track/",
    headers: { "access-token": "t0ken" },
    around: (data) => ({ event_source: "web", event_source_id: "C4", data }),
    event: {
      event: "Lead",
      event_time: SECONDS,
      event_id: "e1",
      user: { email: HASH },
      page: { url: "https://shop.example/" },
    },
    wrong: {
      "an e-mail in clear": { user: { email: "jane@example.com" } },
      "a time in milliseconds": { event_time: NOW },
      "an event of eight days ago": { event_time: SECONDS - 8 * 86_400 },
      "a value without a currency": { properties: { value: 1 } },
      "an unknown field": { event_name: "Lead" },
      "a page without a host": { page: { url: "/cart" } },
    },
    tooMany: 1_001,
  },
  pinterest: {
    url: "https://api.pinterest.com/v5/ad_accounts/549755885175/events",
    headers: auth,
    around: (data) => ({ data }),
    event: { event_name: "lead", action_source: "web", event_time: SECONDS, event_id: "e1", user_data: user },
    wrong: {
      "a name of its own": { event_name: "Lead" },
      "a hash that is in no list": { user_data: { ...user, em: HASH } },
      nobody: { user_data: { external_id: [HASH] } },
      "an amount that is a number": { custom_data: { value: 1, currency: "EUR" } },
      "a price that is a number": { custom_data: { contents: [{ id: "p1", item_price: 1 }] } },
      "no event_id": { event_id: "" },
    },
    tooMany: 1_001,
    takesOthers: true,
  },
  snapchat: {
    url: "https://tr.snapchat.com/v3/pixel-1/events?access_token=t0ken",
    around: (data) => ({ data }),
    event: {
      event_name: "SIGN_UP",
      event_time: SECONDS,
      event_id: "e1",
      action_source: "WEB",
      event_source_url: "https://shop.example/",
      user_data: user,
    },
    wrong: {
      "a name of its own": { event_name: "Quiz finished" },
      "a web event without its page": { event_source_url: undefined },
      "a phone in clear": { user_data: { ...user, ph: "+491234567" } },
      "only a browser": { user_data: { client_user_agent: "Mozilla/5.0" } },
      "a purchase without a value": { event_name: "PURCHASE", custom_data: { currency: "EUR" } },
      "an event of 38 days ago": { event_time: SECONDS - 38 * 86_400 },
    },
    tooMany: 2_001,
  },
  linkedin: {
    url: "https://api.linkedin.com/rest/conversionEvents",
    headers: { ...auth, "linkedin-version": "202603", "x-restli-method": "BATCH_CREATE" },
    around: (elements) => ({ elements }),
    event: {
      conversion: "urn:lla:llaPartnerConversion:104012",
      conversionHappenedAt: NOW,
      eventId: "e1",
      user: { userIds: [{ idType: "SHA256_EMAIL", idValue: HASH }] },
    },
    wrong: {
      "a rule that is no URN": { conversion: "104012" },
      "a time in seconds": { conversionHappenedAt: SECONDS },
      "an amount that is a number": { conversionValue: { currencyCode: "EUR", amount: 1 } },
      "an unknown kind of id": { user: { userIds: [{ idType: "AXCIOM_ID", idValue: "1" }] } },
      nobody: { user: { userIds: [] } },
      "half a name": { user: { userIds: [], userInfo: { firstName: "Jane" } } },
    },
    tooMany: 5_001,
  },
  "microsoft-uet": {
    url: "https://capi.uet.microsoft.com/v1/97123456/events",
    headers: auth,
    around: (data) => ({ data, continueOnValidationError: true }),
    event: { eventType: "custom", eventName: "purchase", eventId: "e1", eventTime: SECONDS, userData: { em: HASH } },
    wrong: {
      "a custom event without a name": { eventName: undefined },
      "a pageLoad without its page": { eventType: "pageLoad" },
      "an e-mail in clear": { userData: { em: "jane@example.com" } },
      "a click with its cookie's prefix": { userData: { msclkid: "_uetabc" } },
      "an unknown page type": { customData: { pageType: "blog" } },
      "consent in a word": { adStorageConsent: "granted" },
    },
    tooMany: 1_001,
    takesOthers: true,
  },
  reddit: {
    url: "https://ads-api.reddit.com/api/v3/pixels/a2_pixel/conversion_events",
    headers: { ...auth, "user-agent": "test/1" },
    around: (events) => ({ data: { events } }),
    event: {
      event_at: NOW,
      action_source: "WEBSITE",
      type: { tracking_type: "LEAD" },
      user: { email: HASH },
      metadata: { conversion_id: "e1" },
    },
    wrong: {
      "a time in seconds": { event_at: SECONDS },
      "an event in six minutes": { event_at: NOW + 360_000 },
      "the older API's type": { type: { tracking_type: "Lead" } },
      "a custom event without a name": { type: { tracking_type: "CUSTOM" } },
      nobody: { user: { user_agent: "Mozilla/5.0" } },
      "a value in a string": { metadata: { value: "1" } },
    },
    tooMany: 1_001,
  },
  x: {
    url: "https://ads-api.x.com/12/measurement/conversions/o5h34",
    headers: auth,
    around: (conversions) => ({ conversions }),
    event: {
      conversion_time: "2026-11-20T10:00:00.000Z",
      event_id: "tw-o5h34-o9p5x",
      identifiers: [{ hashed_email: HASH }],
      conversion_id: "e1",
    },
    wrong: {
      "another pixel's event": { event_id: "tw-other-o9p5x" },
      "a time in seconds": { conversion_time: SECONDS },
      nobody: { identifiers: [] },
      "an address without a browser": { identifiers: [{ ip_address: "203.0.113.7" }] },
      "two identifiers in one": { identifiers: [{ twclid: "1", hashed_email: HASH }] },
      "no items": { number_items: 0 },
    },
    tooMany: 501,
  },
  amplitude: {
    url: "https://api2.amplitude.com/2/httpapi",
    around: (events) => ({ api_key: "k3y", events }),
    event: { event_type: "Signed Up", device_id: "device-1", time: NOW, insert_id: "e1" },
    wrong: {
      "no name": { event_type: "" },
      "ids that are too short": { device_id: "a1" },
      "a time in words": { time: "2026-11-20T10:00:00.000Z" },
      "properties in a list": { event_properties: [] },
      "revenue in a string": { revenue: "1" },
      "traits that are no operation": { event_type: "$identify", user_properties: { plan: "Pro" } },
    },
    tooMany: 2_000,
  },
  mixpanel: {
    url: "https://api.mixpanel.com/import?strict=1",
    headers: { authorization: `Basic ${btoa("t0ken:")}` },
    around: (events) => events,
    event: { event: "Signed Up", properties: { time: NOW, distinct_id: "u1", $insert_id: "e1" } },
    wrong: {
      "no name": { event: "" },
      "no insert id": { properties: { time: NOW, distinct_id: "u1" } },
      "an insert id of another form": { properties: { time: NOW, distinct_id: "u1", $insert_id: "e 1" } },
      "an event in two hours": { properties: { time: NOW + 7_200_000, distinct_id: "u1", $insert_id: "e1" } },
      "nobody's id": { properties: { time: NOW, distinct_id: "null", $insert_id: "e1" } },
    },
    tooMany: 2_001,
    takesOthers: true,
  },
  klaviyo: {
    url: "https://a.klaviyo.com/api/profile-bulk-import-jobs",
    headers: { authorization: "Klaviyo-API-Key pk_1", revision: "2026-07-15" },
    around: (data) => ({ data: { type: "profile-bulk-import-job", attributes: { profiles: { data } } } }),
    event: { type: "profile", attributes: { email: "jane@example.com" } },
    wrong: {
      nobody: { attributes: { first_name: "Jane" } },
      "no e-mail": { attributes: { email: "jane" } },
      "a phone from home": { attributes: { phone_number: "020 7946 0958" } },
      "a field of the customer's own": { attributes: { email: "jane@example.com", plan: "Pro" } },
    },
    tooMany: 10_001,
  },
  hubspot: {
    url: "https://api.hubapi.com/events/2026-03/send/batch",
    headers: auth,
    around: (inputs) => ({ inputs }),
    event: {
      eventName: "pe1_signed_up",
      email: "jane@example.com",
      uuid: "e1",
      occurredAt: "2026-11-20T10:00:00Z",
      properties: {},
    },
    wrong: {
      "half a name": { eventName: "signed_up" },
      nobody: { email: undefined },
      "a time in milliseconds": { occurredAt: NOW },
      "a property in a list": { properties: { tags: ["a"] } },
    },
    tooMany: 501,
  },
  braze: {
    url: "https://rest.fra-01.braze.eu/users/track",
    headers: auth,
    around: (events) => ({ events }),
    event: { external_id: "u1", name: "Signed Up", time: "2026-11-20T10:00:00.000Z" },
    wrong: {
      nobody: { external_id: undefined },
      "no time": { time: undefined },
      null: { properties: { plan: null } },
      "half an alias": { external_id: undefined, user_alias: { alias_name: "a1" } },
      "an order without its id": { name: "ecommerce.order_placed", properties: { total_value: 1 } },
    },
    tooMany: 76,
    takesOthers: true,
  },
};

function send({ url, headers = {} }: Pick<Case, "url" | "headers">, body: unknown, method = "POST"): Verdict {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const call: VendorCall = {
    integration: "i",
    method,
    url: new URL(url),
    headers: { "content-type": "application/json", ...headers },
    body: bytes,
    bodyBytes: bytes.length,
    now: NOW,
  };
  return vendorAt(call.url.hostname)!.receive(call);
}

const accepted = ({ events }: Verdict) => events.map((event) => event.accepted);

describe.each(Object.entries(CASES))("%s", (name, given) => {
  const { url, headers, around, event, wrong, tooMany, takesOthers = false } = given;

  it("takes an event", () => {
    expect(vendorAt(new URL(url).hostname)?.name).toBe(name);
    const verdict = send(given, around([event]));
    expect({ answer: verdict.answer, accepted: accepted(verdict) }).toMatchObject({ accepted: [true] });
    expect(verdict.answer.status).toBeLessThan(300);
  });

  it.each(Object.entries(wrong))(
    `refuses %s${takesOthers ? ", and takes the event beside it" : ", and the request with it"}`,
    (_, differs) => {
      expect(accepted(send(given, around([event, { ...event, ...differs }])))).toEqual([takesOthers, false]);
      expect(accepted(send(given, around([{ ...event, ...differs }])))).toEqual([false]);
    },
  );

  it.each([
    ["no credentials", { headers: {}, url: url.replace("t0ken", ""), api_key: "" }],
    ["expired ones", { headers: expired(headers), url: url.replace("t0ken", "EXPIRED"), api_key: "EXPIRED" }],
  ])("refuses %s", (_, { api_key, ...call }) => {
    const body = around([event]);
    const keyed = name === "amplitude" ? { ...(body as Json), api_key } : body;
    const others = Object.fromEntries(
      Object.entries(headers ?? {}).filter(([key]) => !/^(authorization|access-token)$/.test(key)),
    );
    expect(accepted(send({ ...call, headers: { ...others, ...call.headers } }, keyed))).toEqual([false]);
  });

  it("refuses too many, none at all, what is not JSON, and other paths", () => {
    const many = send(given, around(Array.from({ length: tooMany }, () => event)));
    expect(accepted(many).some(Boolean)).toBe(false);
    const refused = (verdict: Verdict) =>
      verdict.answer.status >= 400 || (verdict.answer.body as { code?: number }).code! >= 40_000;
    expect(refused(send(given, around([])))).toBe(true);
    expect(refused(send(given, "{"))).toBe(true);
    expect(
      send({ url: `${new URL(url).origin}/elsewhere`, headers: headers ?? {} }, around([event])).answer.status,
    ).toBe(404);
  });
});

function expired(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (value.startsWith("Basic ")) return [[name, `Basic ${btoa("EXPIRED:")}`]];
      return /^(authorization|access-token)$/.test(name) ? [[name, value.replace(/\S+$/, "EXPIRED")]] : [];
    }),
  );
}

describe("klaviyo's events", () => {
  const job = (attributes: Json) => ({
    data: {
      type: "event-bulk-create-job",
      attributes: {
        "events-bulk-create": {
          data: [
            {
              type: "event-bulk-create",
              attributes: {
                profile: { data: { type: "profile", attributes: { email: "jane@example.com" } } },
                events: { data: [{ type: "event", attributes }] },
              },
            },
          ],
        },
      },
    },
  });
  const call = { ...CASES.klaviyo!, url: "https://a.klaviyo.com/api/event-bulk-create-jobs" };
  const metric = { data: { type: "metric", attributes: { name: "Placed Order" } } };

  it.each<[string, boolean, Json]>([
    ["takes an event", true, { metric, properties: {}, unique_id: "e1", time: "2026-11-20T10:00:00.000Z", value: 1 }],
    ["refuses one without a metric", false, { properties: {} }],
    ["refuses one without properties", false, { metric }],
    ["refuses a value in a string", false, { metric, properties: {}, value: "1" }],
    ["refuses a time in milliseconds", false, { metric, properties: {}, time: NOW }],
  ])("%s", (_, is, attributes) => {
    expect(accepted(send(call, job(attributes)))).toEqual([is]);
  });
});

describe("slack", () => {
  const url = "https://hooks.slack.com/services/T0/B0/secret";
  it.each([
    ["a message", { text: "hi" }, 200, "ok"],
    ["a message of nothing", { text: "" }, 400, "no_text"],
    ["what is not JSON", "hi", 400, "invalid_payload"],
  ])("answers %s", (_, body, status, said) => {
    expect(send({ url }, body).answer).toEqual({ status, body: said });
  });

  it("knows an address that was taken back", () => {
    expect(send({ url: url.replace("secret", "EXPIRED") }, { text: "hi" }).answer).toEqual({
      status: 404,
      body: "no_service",
    });
  });
});

it("shows nobody's secrets where it shows what it was sent", async () => {
  const sink = await startVendorSink();
  try {
    const sent: [string, Record<string, string>, unknown][] = [
      ["hooks.slack.com/services/T0/B0/s3cret", {}, { text: "hi" }],
      ["business-api.tiktok.com/open_api/v1.3/event/track/", { "access-token": "s3cret" }, {}],
      ["api2.amplitude.com/2/httpapi", {}, { api_key: "s3cret", events: [] }],
      ["a.klaviyo.com/api/profile-bulk-import-jobs", { authorization: "Klaviyo-API-Key s3cret" }, {}],
      ["tr.snapchat.com/v3/p/events?access_token=s3cret", {}, {}],
    ];
    for (const [path, headers, body] of sent)
      await fetch(`${sink.url}/i/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    expect(sink.requests().map(({ vendor }) => vendor)).toEqual([
      "slack",
      "tiktok",
      "amplitude",
      "klaviyo",
      "snapchat",
    ]);
    expect(JSON.stringify(sink.requests())).not.toContain("s3cret");
  } finally {
    await sink.close();
  }
});
