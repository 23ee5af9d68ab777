import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { anEvent } from "../../../test/an-event.ts";
import { judgeCanaries } from "../../canary.ts";
import { forgetConfiguration, readEnvironment } from "../../config.ts";
import { bury } from "../../dead-letters.ts";
import { LANE_BINDINGS } from "../../env.ts";
import { api } from "../index.ts";

let count = 0;
let environment_id: string;
let ids: { ga4: string; webhook: string; source: string; pipeline: string };

// biome-ignore lint/suspicious/noExplicitAny: bodies of any route.
type Body = any;

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  bindings: object = env,
): Promise<{ status: number; body: Body }> {
  forgetConfiguration();
  const text = typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body);
  const request = {
    method,
    headers: { authorization: "Bearer test-admin-token", ...headers },
    ...(text !== undefined && { body: text }),
  };
  const response = await api.request(
    `/api/v1/${path}${path.includes("?") ? "&" : "?"}environment_id=${environment_id}`,
    request,
    bindings,
  );
  const answer = await response.text();
  try {
    return { status: response.status, body: JSON.parse(answer) };
  } catch {
    return { status: response.status, body: answer };
  }
}

const snapshot = async () => {
  forgetConfiguration();
  return (await readEnvironment(env.CONFIG, environment_id))!;
};

beforeEach(async () => {
  const n = ++count;
  environment_id = `env_pipes_${n}`;
  ids = { ga4: `int_pipes_ga4_${n}`, webhook: `int_pipes_hook_${n}`, source: `src_pipes_${n}`, pipeline: `pip_${n}` };
  const made = await call("PATCH", `environments/${environment_id}`, {
    organisation: { id: `org_pipes_${n}`, name: "Pipes" },
    name: "dev",
    shards: 1,
    sources: [{ id: ids.source, name: "Shop" }],
    integrations: [
      { id: ids.ga4, name: "GA4", destination: "ga4", settings: { measurement_id: "G-PIPES", api_secret: "s" } },
      {
        id: ids.webhook,
        name: "Hook",
        destination: "webhook",
        settings: { url: "https://hooks.example.com/x", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
      },
    ],
  });
  expect(made.status).toBe(200);
});
afterEach(() => vi.restoreAllMocks());

const create = (document: unknown = {}, given: object = {}) =>
  call("POST", "pipelines", {
    id: ids.pipeline,
    name: "GA4 shaping",
    integration_id: ids.ga4,
    document,
    author: "ada",
    note: "first",
    ...given,
  });
const save = (document: unknown, given: object = {}) =>
  call("POST", `pipelines/${ids.pipeline}/versions`, { document, ...given });

const euro = { map: [{ set: { "properties.currency": "EUR" } }] };
const dollar = { map: [{ set: { "properties.currency": "USD" } }] };

/** Letters of no known environment are shown to everyone: those of other tests are not ours. */
const letters = async (): Promise<Body[]> =>
  (await call("GET", "dead-letters")).body.dead_letters.filter((one: Body) => one.environment_id === environment_id);

describe("a pipeline", () => {
  it("is made with its first version, which is published at once", async () => {
    const made = await create(euro);
    expect(made).toMatchObject({
      status: 201,
      body: { id: ids.pipeline, live_version: 1, integration_id: ids.ga4, source_id: null },
    });
    expect((await snapshot()).pipelines).toMatchObject([
      { id: ids.pipeline, integration_id: ids.ga4, version: 1, document: euro },
    ]);
    expect((await call("GET", `pipelines/${ids.pipeline}`)).body).toMatchObject({ live_version: 1, document: euro });
    expect((await call("GET", "pipelines")).body.pipelines).toHaveLength(1);
  });

  it("stands alone between its source and its integration", async () => {
    await create();
    expect(await create({}, { id: "pip_other" })).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
    expect(await create({}, { id: `pip_shared_${count}`, integration_id: null })).toMatchObject({ status: 201 });
  });

  it("can be switched off, and on again", async () => {
    await create(euro);
    await call("PATCH", `pipelines/${ids.pipeline}`, { enabled: false });
    expect((await snapshot()).pipelines).toBeUndefined();
    await call("PATCH", `pipelines/${ids.pipeline}`, { enabled: true });
    expect((await snapshot()).pipelines).toHaveLength(1);
  });

  it("is written in YAML as well", async () => {
    await create();
    const yaml = `map:\n  - events: [Order Completed]\n    set:\n      properties.currency: EUR\n`;
    const path = `pipelines/${ids.pipeline}/versions`;
    const saved = await call("POST", `${path}?note=yaml&activate=false`, yaml, { "content-type": "application/yaml" });
    expect(saved).toMatchObject({ status: 201, body: { version: 2, note: "yaml" } });
    const read = await call("GET", `${path}/2?format=yaml`);
    expect(read.body).toContain("properties.currency: EUR");
    expect((await call("POST", path, read.body, { "content-type": "text/yaml" })).status).toBe(201);
    expect((await call("GET", `pipelines/${ids.pipeline}/diff?from=2&to=3`)).body.changes).toEqual([]);
  });

  it.each<[string, unknown, RegExp]>([
    ["a wrong step", { map: [{ sett: {} }] }, /map\.0/],
    ["a loop", { when: 'event.event.matches("(a+)+")' }, /when: at character/],
    [
      "a table that is not there",
      { enrich: [{ lookup: { table: "gone", key: "a", into: "properties.x" } }] },
      /no lookup table gone/,
    ],
    [
      "a function that is no JavaScript",
      { transform: [{ function: { code: "export default (" } }] },
      /transform\.0\.function/,
    ],
  ])("with %s is refused by path and reason, and changes nothing", async (_, document, message) => {
    await create(euro);
    const refused = await save(document);
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { code: "invalid_request", message: expect.stringMatching(message) } },
    });
    expect((await call("GET", `pipelines/${ids.pipeline}/versions`)).body.versions).toHaveLength(1);
    expect((await snapshot()).pipelines).toMatchObject([{ version: 1 }]);
  });

  it.each<[string, object, Record<string, string>, number]>([
    ["no such integration", { integration_id: "int_nowhere" }, {}, 400],
    ["another's source", { source_id: "src_pipes_0" }, {}, 400],
    ["an id that is none", { id: "X" }, {}, 400],
    ["a shared one that maps", { integration_id: null, document: euro }, {}, 400],
  ])("with %s is refused", async (_, given, __, status) => {
    expect((await create({}, given)).status).toBe(status);
  });

  it("with functions is refused where the account has no Worker Loader", async () => {
    const body = {
      id: ids.pipeline,
      name: "x",
      integration_id: ids.ga4,
      document: { transform: [{ function: { code: "export default (e) => e" } }] },
    };
    const { LOADER: _, ...without } = env as unknown as { LOADER: unknown };
    const refused = await call("POST", "pipelines", body, {}, without);
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("no Worker Loader") } },
    });
    expect((await call("POST", "pipelines", body)).status).toBe(201);
  });

  it.each(["a: *b", "a: &a [*a, *a]\nb: [*a, *a", "\tx: 1", `${"[".repeat(5_000)}`])(
    "in broken YAML is refused",
    async (yaml) => {
      await create();
      const refused = await call("POST", `pipelines/${ids.pipeline}/versions`, yaml, {
        "content-type": "application/yaml",
      });
      expect(refused.status).toBe(400);
    },
  );
});

describe("versions", () => {
  it("say who, when and why, and are never changed", async () => {
    await create(euro);
    await save(dollar, { author: "grace", note: "we moved" });
    const { versions } = (await call("GET", `pipelines/${ids.pipeline}/versions`)).body;
    expect(versions).toMatchObject([
      { version: 2, author: "grace", note: "we moved" },
      { version: 1, author: "ada", note: "first" },
    ]);
    expect(Date.parse(versions[0].created_at)).toBeGreaterThan(0);
    expect((await call("GET", `pipelines/${ids.pipeline}/versions/1`)).body.document).toMatchObject(euro);
  });

  it("of many at once get numbers of their own", async () => {
    await create(euro);
    const saved = await Promise.all(Array.from({ length: 5 }, () => save(dollar, { activate: false })));
    expect(saved.map(({ body }) => body.version).sort()).toEqual([2, 3, 4, 5, 6]);
  });

  it("differ in a way that a person reads", async () => {
    await create(euro);
    await save({ ...dollar, sample: { percent: 10 } });
    const { body } = await call("GET", `pipelines/${ids.pipeline}/diff?from=1&to=2`);
    expect(body.text.split("\n").sort()).toEqual([
      '+ sample: {"percent":10}',
      '~ map.0.set.properties.currency: "EUR" → "USD"',
    ]);
  });

  it("are rolled back to by a new one that is equal to the old", async () => {
    await create(euro);
    await save(dollar);
    const back = await call("POST", `pipelines/${ids.pipeline}/rollback`, { version: 1, author: "ada" });
    expect(back).toMatchObject({ status: 201, body: { version: 3, note: "back to version 1" } });
    expect((await snapshot()).pipelines).toMatchObject([{ version: 3, document: euro }]);
    expect((await call("GET", `pipelines/${ids.pipeline}/diff?from=1&to=3`)).body.changes).toEqual([]);
  });

  it.each([
    ["POST", "rollback", { version: 9 }, 404],
    ["GET", "versions/9", undefined, 404],
    ["GET", "versions/latest", undefined, 400],
    ["GET", "diff?from=1&to=9", undefined, 404],
  ])("%s %s that are not there are not found", async (method, path, body, status) => {
    await create(euro);
    expect((await call(method, `pipelines/${ids.pipeline}/${path}`, body)).status).toBe(status);
  });
});

describe("a preview", () => {
  const order = {
    type: "track",
    event: "Order Completed",
    user_id: "u1",
    properties: { order_id: "o1", revenue: 10, email: "jane@example.com" },
  };

  it("shows step by step what a version makes of an event, and sends nothing", async () => {
    await create({ map: [{ name: "euro", events: ["Order *"], set: { "properties.currency": "EUR" } }] });
    const { body, status } = await call("POST", `pipelines/${ids.pipeline}/preview`, {
      events: [order, { type: "page", user_id: "u1" }],
    });
    expect(status).toBe(200);
    const [bought, page] = body.results.map((one: Body) => one.integrations[0]);
    expect(bought).toMatchObject({
      integration_id: ids.ga4,
      outcome: "queued",
      vendor_event: "purchase",
      payload: { event: { params: { currency: "EUR", value: 10 } } },
    });
    expect(bought.steps).toMatchObject([
      {
        stage: "map",
        step: "euro",
        outcome: "kept",
        changes: [{ path: "properties.currency", op: "added", after: "EUR" }],
      },
      { stage: "map", step: "Google Analytics 4's own mapping" },
      { stage: "output", outcome: "kept", changes: [] },
    ]);
    expect(page).toMatchObject({ vendor_event: "page_view", steps: [{ step: "euro", changes: [] }, {}, {}] });
  });

  it("holds two versions against each other, or a document that was never saved", async () => {
    await create(euro);
    const { body } = await call("POST", `pipelines/${ids.pipeline}/preview`, {
      document: dollar,
      against: 1,
      events: [order],
    });
    expect(body.results[0].integrations[0].payload_changes).toContainEqual({
      path: "event.params.currency",
      op: "changed",
      before: "EUR",
      after: "USD",
    });
    expect((await call("GET", `pipelines/${ids.pipeline}/versions`)).body.versions).toHaveLength(1);
  });

  it("of a shared one shows every integration, each with its own pipeline after it", async () => {
    await create(euro);
    const shared = `pip_shared_${count}`;
    await create({ transform: [{ remove: ["properties.email"] }] }, { id: shared, integration_id: null });
    const { body } = await call("POST", `pipelines/${shared}/preview`, { events: [order] });
    const { integrations } = body.results[0];
    expect(integrations.map((one: Body) => one.integration_id)).toEqual([ids.ga4, ids.webhook]);
    expect(JSON.stringify(integrations.map((one: Body) => one.payload))).not.toContain("jane@example.com");
    expect(integrations[0].payload.event.params.currency).toBe("EUR");
  });

  it("takes events that came in lately, and those that were quarantined", async () => {
    await create(euro);
    const event = anEvent({
      event: "Order Completed",
      properties: { order_id: "o2", revenue: 5 },
      context: { purposes: ["functional", "analytics"] },
    });
    await env.LIVE_FEED.getByName(environment_id).publish([
      {
        kind: "processed",
        source_id: ids.source,
        received: event,
        event,
        receipt: {
          configuration: 1,
          shard: "s0",
          steps: [],
          integrations: [{ integration_id: "x", integration: "x", outcome: "queued" }],
        },
      },
    ]);
    await bury(env, `q-${count}`, [
      {
        environment_id,
        stage: "processor",
        integration_id: ids.ga4,
        reason: "pipeline_failed",
        detail: "",
        attempts: 1,
        message_id: event.message_id,
        event: event.event,
        payload: event,
      },
    ]);
    const [{ id }] = await letters();
    const { body } = await call("POST", `pipelines/${ids.pipeline}/preview`, { recent: 5, dead_letter_ids: [id] });
    expect(body.results).toHaveLength(2);
    expect(body.results).toMatchObject([
      { event: { message_id: event.message_id } },
      { event: { message_id: event.message_id } },
    ]);
  });

  it("says of which event it is that something is wrong", async () => {
    await create(euro);
    const { body, status } = await call("POST", `pipelines/${ids.pipeline}/preview`, {
      events: [order, { type: "shout" }],
    });
    expect([status, body.error.message]).toEqual([400, expect.stringContaining("events.1")]);
  });
});

describe("a canary", () => {
  const gate = () => env.INTEGRATION_GATE.getByName(ids.ga4);
  const report = (version: number, counts: object) =>
    gate().report({ versions: { [`${ids.pipeline}@${version}`]: counts } });
  const start = (given: object = {}) =>
    call("PUT", `pipelines/${ids.pipeline}/canary`, { version: 2, percent: 20, ...given });

  beforeEach(async () => {
    await create(euro);
    await save(dollar, { activate: false });
  });

  it("is published beside the live version, and compared with it from its beginning on", async () => {
    await report(1, { queued: 1_000, failed: 500 });
    expect((await start()).status).toBe(200);
    expect((await snapshot()).pipelines).toMatchObject([
      { version: 1, canary: { version: 2, percent: 20, document: dollar } },
    ]);
    await report(1, { queued: 80, delivered: 79, dead_lettered: 1 });
    await report(2, { queued: 18, failed: 2, delivered: 15, dead_lettered: 3 });
    expect((await call("GET", `pipelines/${ids.pipeline}/canary`)).body.comparison).toMatchObject({
      live: { events: 80, failure_percent: 1.25, acceptance_percent: 98.75 },
      canary: { events: 20, failure_percent: 25, acceptance_percent: 83.33 },
    });
    expect((await call("GET", `pipelines/${ids.pipeline}/counts`)).body.counts).toMatchObject([
      { version: 2, events: 20 },
      { version: 1, events: 1_580 },
    ]);
  });

  it("is promoted by hand", async () => {
    await start();
    expect((await call("POST", `pipelines/${ids.pipeline}/canary/promote`, { author: "ada" })).body).toMatchObject({
      live_version: 2,
      canary: null,
      last_canary: { outcome: "promoted", reason: "by ada" },
    });
    expect((await snapshot()).pipelines).toMatchObject([{ version: 2 }]);
    expect((await call("POST", `pipelines/${ids.pipeline}/canary/promote`)).status).toBe(409);
  });

  it("is rolled back by hand", async () => {
    await start();
    expect((await call("DELETE", `pipelines/${ids.pipeline}/canary`)).body).toMatchObject({
      live_version: 1,
      canary: null,
      last_canary: { outcome: "rolled_back" },
    });
    expect((await snapshot()).pipelines![0]).not.toHaveProperty("canary");
  });

  const rule = { min_events: 100, max_failure_percent: 5, promote_at_events: 1_000 };
  it.each<[string, object, object]>([
    ["waits for enough events", { queued: 50, failed: 49 }, { live_version: 1, canary: { version: 2 } }],
    [
      "rolls back where too many fail",
      { queued: 90, failed: 10 },
      {
        live_version: 1,
        canary: null,
        last_canary: { outcome: "rolled_back", reason: "10 % of 100 events failed, more than 5 %" },
      },
    ],
    [
      "rolls back where the vendor refuses too many",
      { queued: 200, delivered: 150, dead_lettered: 20 },
      { canary: null, last_canary: { outcome: "rolled_back" } },
    ],
    [
      "rolls back where too many steps are passed over",
      { queued: 200, skipped_steps: 20 },
      { canary: null, last_canary: { outcome: "rolled_back" } },
    ],
    ["goes on while all is well", { queued: 500, failed: 5 }, { live_version: 1, canary: { version: 2 } }],
    [
      "promotes after enough of that",
      { queued: 1_000, failed: 5 },
      { live_version: 2, canary: null, last_canary: { outcome: "promoted" } },
    ],
  ])("by its rule, every minute, %s", async (_, counts, outcome) => {
    await start({ rule });
    await report(2, counts);
    await judgeCanaries(env);
    const after = (await call("GET", `pipelines/${ids.pipeline}`)).body;
    expect(after).toMatchObject(outcome);
    expect((await snapshot()).pipelines![0]!.version).toBe(after.live_version);
  });

  it("needs a version that is there and is not the live one", async () => {
    expect([
      (await start({ version: 9 })).status,
      (await start({ version: 1 })).status,
      (await start({ percent: 0 })).status,
    ]).toEqual([404, 400, 400]);
  });
});

describe("a lookup table", () => {
  const put = (body: string, type = "text/csv", key = "sku") =>
    call("PUT", `lookup-tables/hats?key=${key}&author=ada`, body, { "content-type": type });

  it("is uploaded, listed and used, and each upload is a version", async () => {
    expect(await put("sku,brand\nhat-1,Ascot\n")).toMatchObject({
      status: 201,
      body: { name: "hats", version: 1, rows: 1, columns: ["brand"] },
    });
    expect(await put('[{"sku":"hat-1","brand":"Bowler & Co"}]', "application/json")).toMatchObject({
      status: 201,
      body: { version: 2 },
    });
    expect((await snapshot()).lookup_tables).toEqual({ hats: 2 });
    expect((await call("GET", "lookup-tables")).body.tables).toMatchObject([
      { name: "hats", version: 2, rows: 1, author: "ada" },
    ]);
    expect((await call("GET", "lookup-tables/hats")).body.versions).toHaveLength(2);
    expect((await call("GET", "lookup-tables/hats/rows/hat-1")).body).toEqual({
      version: 2,
      row: { brand: "Bowler & Co" },
    });
    await create({
      enrich: [{ lookup: { table: "hats", key: { from: "properties.sku" }, into: "properties.hat" } }],
    });
    const { body } = await call("POST", `pipelines/${ids.pipeline}/preview`, {
      events: [{ type: "track", event: "Seen", user_id: "u", properties: { sku: "hat-1" } }],
    });
    expect(body.results[0].integrations[0].steps[0].changes).toEqual([
      { path: "properties.hat", op: "added", after: { brand: "Bowler & Co" } },
    ]);
  });

  it.each<[string, string, string, number]>([
    ["no such column", "a,b\n1,2\n", "sku", 400],
    ["no key", "sku,b\n1,2\n", "", 400],
    ["too much", `sku,b\n1,${"x".repeat(1_000_001)}\n`, "sku", 400],
  ])("with %s is refused, and changes nothing", async (_, body, key, status) => {
    expect((await put(body, "text/csv", key)).status).toBe(status);
    expect((await call("GET", "lookup-tables")).body.tables).toEqual([]);
  });
});

describe("a quarantined event", () => {
  const event = (given: object = {}) =>
    anEvent({
      message_id: `m-released-${count}`,
      event: "Order Completed",
      properties: { order_id: "o1", revenue: "x" },
      context: { purposes: ["functional", "analytics"] },
      ...given,
    });

  async function letterOf(given: object = {}) {
    await bury(env, `quarantine-${count}`, [
      {
        environment_id,
        source_id: ids.source,
        stage: "processor",
        integration_id: ids.ga4,
        reason: "pipeline_failed",
        detail: "x is no number",
        attempts: 1,
        message_id: event().message_id,
        event: "Order Completed",
        payload: event(),
        ...given,
      },
    ]);
    return (await letters())[0].id as string;
  }

  function queues() {
    const sent: Body[] = [];
    const send = async (messages: { body: string }[]) =>
      void sent.push(...messages.map(({ body }) => JSON.parse(body)));
    const bindings = {
      ...env,
      ...Object.fromEntries(LANE_BINDINGS.map((name) => [name, { sendBatch: send }])),
      RAW_EVENTS: { send: async (body: string) => void sent.push(JSON.parse(body)) },
    };
    return { sent, bindings };
  }

  const strict = {
    map: [
      { set: { "properties.revenue": { from: "properties.revenue", as: "number" }, "properties.currency": "EUR" } },
    ],
  };

  it("that is mended goes to its integration through its pipeline, and is no dead letter any more", async () => {
    await create(strict);
    const id = await letterOf();
    const { sent, bindings } = queues();
    const still = await call("POST", `dead-letters/${id}/release`, {}, {}, bindings);
    expect(still).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining("no number") } } });
    const mended = { ...event(), properties: { order_id: "o1", revenue: "12.50" } };
    const released = await call("POST", `dead-letters/${id}/release`, { event: mended }, {}, bindings);
    expect(released).toMatchObject({
      status: 200,
      body: { released: "queued_for_integration", versions: [`${ids.pipeline}@1`] },
    });
    expect(sent).toMatchObject([
      {
        integration_id: ids.ga4,
        items: [
          {
            message_id: event().message_id,
            versions: [`${ids.pipeline}@1`],
            payload: { event: { params: { value: 12.5, currency: "EUR" } } },
          },
        ],
      },
    ]);
    expect(await letters()).toEqual([]);
    expect((await call("POST", `dead-letters/${id}/release`, {}, {}, bindings)).status).toBe(404);
  });

  it("cannot be given a consent that the person did not give", async () => {
    const id = await letterOf({ payload: event({ context: { purposes: ["functional"] } }) });
    const mended = event({ context: { purposes: ["functional", "analytics", "marketing"] } });
    const { sent, bindings } = queues();
    expect(await call("POST", `dead-letters/${id}/release`, { event: mended }, {}, bindings)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining("no_consent") } },
    });
    expect(sent).toEqual([]);
  });

  it("of Layer 1 begins anew, with what the door had seen", async () => {
    const id = await letterOf({
      integration_id: undefined,
      reason: "invalid_event",
      door: { request: { gpc: true }, vendor_ids: { fbp: "fb.1.1.1" } },
    });
    const { sent, bindings } = queues();
    expect((await call("POST", `dead-letters/${id}/release`, {}, {}, bindings)).body).toEqual({
      released: "queued_for_processing",
    });
    expect(sent).toMatchObject([
      {
        source_id: ids.source,
        request: { gpc: true },
        vendor_ids: { fbp: "fb.1.1.1" },
        events: [{ message_id: event().message_id }],
      },
    ]);
  });

  it("stays a dead letter where the queue does not take it, or the event is none", async () => {
    const id = await letterOf();
    const { bindings } = queues();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const broken = {
      ...bindings,
      ...Object.fromEntries(
        LANE_BINDINGS.map((name) => [name, { sendBatch: async () => Promise.reject(new Error("overloaded")) }]),
      ),
    };
    const sound = event({ properties: { order_id: "o1", revenue: 1, currency: "EUR" } });
    expect((await call("POST", `dead-letters/${id}/release`, { event: sound }, {}, broken)).status).toBe(500);
    expect(
      (await call("POST", `dead-letters/${id}/release`, { event: { ...sound, message_id: "other" } }, {}, bindings))
        .status,
    ).toBe(400);
    expect((await call("POST", `dead-letters/${id}/release`, { event: { nothing: 1 } }, {}, bindings)).status).toBe(
      400,
    );
    expect(await letters()).toHaveLength(1);
  });
});

it("everything asks for the admin token", async () => {
  for (const [method, path] of [
    ["GET", "pipelines"],
    ["POST", "pipelines/x/preview"],
    ["PUT", "lookup-tables/x"],
    ["POST", "dead-letters/x/release"],
    ["DELETE", "pipelines/x/canary"],
  ] as const)
    expect((await exports.default.fetch(`https://api.example/api/v1/${path}`, { method })).status).toBe(401);
});
