/** The API as the dashboard meets it, in three moods: with data of the nastier kind, with nothing in it, and down. */
import type { Page } from "playwright-core";

export type Mood = "data" | "empty" | "failing";

/** What strangers name things: long, right to left, and looking like a page. */
export const HOSTILE = {
  long: "x".repeat(500),
  rtl: "متجر الأحذية",
  html: '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>',
};
const at = "2026-11-20T10:00:00.000Z";
const many = 10_000;

export const ME = {
  user: { id: "u1", name: HOSTILE.rtl, email: "owner@example.com" },
  organisations: [
    { id: "org_1", name: HOSTILE.long, role: "admin", permissions: [], environments: [{ id: "env_1", name: "prod" }] },
  ],
};

const gate = {
  received: 12,
  delivered: 9,
  retried: 1,
  dead_lettered: 2,
  filtered: { no_consent: 1 },
  requests: 12,
  state: "circuit_open",
  reason: HOSTILE.html,
  paused_until: at,
  alert: null,
};
const failure = {
  at,
  message_id: "m1",
  event: HOSTILE.html,
  reason: HOSTILE.long,
  payload: JSON.stringify({ name: HOSTILE.html }),
};
const line = {
  received: 12,
  delivered: 9,
  retried: 1,
  failed: 2,
  filtered: 1,
  success_rate: 0.82,
  latency_ms: { p50: 900, p95: 2_000 },
  why: { filtered: { no_consent: 1 }, failed: { [HOSTILE.html]: 2 } },
};
const integration = (id: string, name: string) => ({
  id,
  name,
  destination: "meta",
  enabled: true,
  settings: { pixel_id: "1" },
});
const source = (id: string, name: string) => ({
  id,
  name,
  cookieless: "never",
  ip_policy: "full",
  honour_gpc: true,
  honour_dnt: false,
});
const event = {
  message_id: "m1",
  anonymous_id: "a1",
  type: "track",
  event: HOSTILE.html,
  properties: { name: HOSTILE.html, [HOSTILE.long]: HOSTILE.rtl },
  context: { page: { path: `/${HOSTILE.long}` } },
  timestamp: at,
  received_at: at,
};
const letter = (i: number) => ({
  id: `dl_${i}`,
  stage: "delivery",
  integration_id: "int_1",
  message_id: `m${i}`,
  event: i ? `Event ${i}` : HOSTILE.html,
  reason: "rejected",
  detail: HOSTILE.html,
  attempts: 3,
  dead_at: at,
  retried_at: null,
  edited_at: null,
});
const pipeline = {
  id: "pip_1",
  name: HOSTILE.long,
  source_id: null,
  integration_id: "int_1",
  enabled: true,
  live_version: 2,
  canary: null,
};
const versions = [2, 1].map((version) => ({ version, author: HOSTILE.rtl, note: HOSTILE.html, created_at: at }));
const status = {
  environment: { id: "env_1", name: "prod", version: 3 },
  events: 1_234_567,
  duplicates: 3,
  visitors: 1,
  sessions: 1,
  lake_files: 2,
  waiting_events: 0,
  profiles: 1,
  integrations: [] as object[],
};
const schema = {
  type: "object",
  required: ["pixel_id", "access_token"],
  properties: {
    pixel_id: { type: "string" },
    access_token: { type: "string", writeOnly: true },
    mode: { enum: ["a", "b"] },
    test: { type: "boolean" },
    limit: { type: "integer" },
    names: { type: "object", additionalProperties: { type: "string" } },
  },
};
const person = {
  person_id: "per_1",
  identifiers: [
    { kind: "user_id", value: HOSTILE.long },
    { kind: "email", value: "ann@shop.example" },
  ],
  merged_from: [],
  traits: { name: HOSTILE.html, bio: HOSTILE.rtl },
  computed_traits: {},
  first_seen: Date.parse(at),
  last_seen: Date.parse(at),
  events: 3,
  first_touch: null,
  last_touch: null,
  consent: { current: { analytics: true, marketing: false }, answers: [], given: 1 },
  refused_links: [],
  cancelled_links: [],
};
const replay = {
  id: "rpl_1",
  integration_id: "int_1",
  from: at,
  to: at,
  status: "ready",
  counted: { events: 5, to_send: 4, filtered: {} },
  sent: 0,
  samples: [{ message_id: "m1", event: HOSTILE.html, old: { a: 1 }, new: { a: 2 }, is_changed: true }],
  failure: null,
  created_at: at,
};
const audit = (sequence: number) => ({
  sequence,
  at,
  actor: "user:u1",
  action: "sources.update",
  subject: HOSTILE.html,
  before: null,
  after: { name: HOSTILE.rtl },
});
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** By the path below /api/v1: with data, and with none. What is not here is not found. */
const ANSWERS: [RegExp, data: unknown, empty: unknown][] = [
  [/^me$/, ME, ME],
  [
    /^status$/,
    { ...status, integrations: [{ ...integration("int_1", HOSTILE.long), ...gate, failures: [failure] }] },
    { ...status, events: 0 },
  ],
  [
    /^sources$/,
    { items: times(many, (i) => source(`src_${i}`, i ? `Source ${i}` : HOSTILE.html)), next_cursor: null },
    { items: [], next_cursor: null },
  ],
  [/^sources\/[^/]+$/, source("src_1", HOSTILE.long), source("src_1", "Shop")],
  [
    /^sources\/[^/]+\/keys$/,
    { keys: [{ id: "k1", form: "public", hint: "abcd", created_at: at, expires_at: null, revoked: false }] },
    { keys: [] },
  ],
  [/^events$/, { events: [event] }, { events: [] }],
  [
    /^destinations$/,
    { items: [{ name: "meta", title: "Meta", purpose: "marketing", settings_schema: schema }] },
    { items: [{ name: "meta", title: "Meta", purpose: "marketing", settings_schema: schema }] },
  ],
  [
    /^integrations$/,
    { items: [integration("int_1", HOSTILE.html), integration("int_2", HOSTILE.rtl)], next_cursor: null },
    { items: [], next_cursor: null },
  ],
  [/^integrations\/[^/]+$/, integration("int_1", HOSTILE.long), integration("int_1", "Meta")],
  [
    /deliveries$/,
    { state: "circuit_open", reason: HOSTILE.html, total: line, lines: [], failed_samples: [failure] },
    { state: "open_for_business", reason: null, total: { ...line, received: 0 }, lines: [], failed_samples: [] },
  ],
  [/^dead-letters$/, { dead_letters: times(500, letter) }, { dead_letters: [] }],
  [/^dead-letters\//, { ...letter(0), payload: { message_id: "m0", payload: { name: HOSTILE.html } } }, {}],
  [/^replays$/, { replays: [replay] }, { replays: [] }],
  [/^profiles$/, { people: [{ person_id: "per_1", traits: { name: HOSTILE.html } }] }, { people: [] }],
  [/^profiles\/[^/]+$/, person, { ...person, traits: {} }],
  [
    /timeline$/,
    { events: times(50, (i) => ({ source_id: "src_1", event: { ...event, message_id: `m${i}` } })) },
    { events: [] },
  ],
  [/^pipelines$/, { pipelines: [pipeline] }, { pipelines: [] }],
  [/^pipelines\/[^/]+$/, pipeline, pipeline],
  [/^pipelines\/[^/]+\/versions$/, { versions }, { versions: [] }],
  [
    /^pipelines\/[^/]+\/versions\/\d+$/,
    { ...versions[0], document: { map: [{ set: { "properties.name": { cel: "event.event" } } }, { filter: "true" }] } },
    { ...versions[0], document: {} },
  ],
  [/canary$/, { canary: null }, { canary: null }],
  [
    /preview$/,
    {
      results: [
        {
          event,
          integrations: [
            {
              integration_id: "int_1",
              integration: HOSTILE.rtl,
              outcome: "queued",
              steps: [],
              payload: { name: HOSTILE.html },
            },
          ],
        },
      ],
    },
    { results: [] },
  ],
  [/^org-data-layer$/, { document: { tracking_plan: { events: { [HOSTILE.html]: {} } } } }, { document: {} }],
  [/^org-data-layer\/versions$/, { versions }, { versions: [] }],
  [
    /violations$/,
    {
      violations: times(200, (i) => ({
        event: HOSTILE.html,
        path: `properties.${i}`,
        keyword: "required",
        count: 3,
        first_seen: at,
        last_seen: at,
        sample: HOSTILE.html,
      })),
    },
    { violations: [] },
  ],
  [/^audit$/, { records: times(500, audit) }, { records: [] }],
  [
    /members$/,
    { members: [{ user_id: "u1", name: HOSTILE.html, email: "a@example.com", role: "admin" }] },
    { members: [] },
  ],
];

/** Answers for the API until told otherwise; `mood` and `signedIn` may change while the page is open. */
export async function fakeApi(page: Page, mood: Mood) {
  const api = {
    mood,
    signedIn: true,
    asked: [] as { method: string; path: string; body: string | null; if_match: string | undefined }[],
  };
  await page.route("**/api/**", async (route) => {
    const request = route.request();
    const { pathname } = new URL(request.url());
    const path = pathname.replace("/api/v1/", "");
    api.asked.push({
      method: request.method(),
      path,
      body: request.postData(),
      if_match: request.headers()["if-match"],
    });
    const answer = (status: number, body: unknown) =>
      route.fulfill({ status, json: body, headers: { "x-request-id": "req_1", etag: '"7"' } });
    if (pathname === "/api/auth/sign-in/email") {
      api.signedIn = true;
      return answer(200, { user: ME.user });
    }
    if (!api.signedIn)
      return answer(401, { title: "Unauthenticated", status: 401, detail: "Sign in", code: "unauthenticated" });
    if (api.mood === "failing" && path !== "me")
      return answer(500, {
        title: "Internal",
        status: 500,
        detail: "Something went wrong on our side.",
        code: "internal",
        request_id: "req_1",
      });
    const found = ANSWERS.find(([pattern]) => pattern.test(path));
    if (!found)
      return answer(404, { title: "Not found", status: 404, detail: `There is no ${path}`, code: "not_found" });
    const isYaml = request.url().includes("format=yaml");
    if (isYaml)
      return route.fulfill({
        contentType: "application/yaml",
        body: api.mood === "data" ? `cleanse:\n  trim: true # ${HOSTILE.html}\n` : "{}\n",
      });
    return answer(200, api.mood === "data" ? found[1] : found[2]);
  });
  await page.routeWebSocket("**/api/v1/live**", (socket) => {
    socket.send(JSON.stringify([{ kind: "hello", watching: 1, filter: {} }]));
    if (api.mood !== "data") return;
    const receipt = {
      configuration: 1,
      shard: "s1",
      steps: [{ step: "cleanse", verdict: "kept", changed: ["properties.name"] }],
      integrations: [{ integration_id: "int_1", integration: "Meta", outcome: "queued" }],
    };
    socket.send(
      JSON.stringify(
        times(1_000, (i) => ({
          kind: "processed",
          source_id: "src_1",
          received: event,
          event: { ...event, message_id: `m${i}` },
          receipt,
        })),
      ),
    );
  });
  return api;
}
