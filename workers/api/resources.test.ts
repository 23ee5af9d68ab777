import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../core/hash.ts";
import { emptyDatabase } from "../../test/empty-database.ts";
import { forgetConfiguration, readEnvironment, readWriteKey } from "../config.ts";
import { api } from "./index.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies of any route.
type Body = any;
interface Answer {
  status: number;
  headers: Headers;
  body: Body;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const request = {
    method,
    headers: { authorization: "Bearer test-admin-token", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
  const response = await api.request(`/api/v1/${path}`, request, { ...env, VENDOR_SINK_URL: "http://127.0.0.1:9" });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text && JSON.parse(text),
  } satisfies Answer as Answer;
}
const snapshot = async () => {
  forgetConfiguration();
  return (await readEnvironment(env.CONFIG, "env_res"))!;
};

const webhook = (changes: object = {}) => ({
  id: "int_hook",
  name: "Hook",
  destination: "webhook",
  settings: { url: "https://hooks.example.com/in", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
  ...changes,
});

beforeEach(async () => {
  forgetConfiguration();
  await emptyDatabase();
  await env.DB.exec("INSERT INTO organisations (id, name, created_at) VALUES ('org_res', 'Res', '2026-11-20')");
  await call("POST", "environments", { id: "env_res", organisation_id: "org_res", name: "dev", shards: 1 });
});

describe("a source", () => {
  it("is made with keys that open at once, changed by what is named, and published each time", async () => {
    const made = await call("POST", "sources", { id: "src_shop", name: "Shop" });
    expect(made.status).toBe(201);
    expect(made.body.source).toMatchObject({ id: "src_shop", cookie_scope: "host" });
    const [{ key }] = made.body.created_keys;
    expect(await readWriteKey(env.CONFIG, sha256(key))).toMatchObject({ source_id: "src_shop" });
    const changed = await call("PATCH", "sources/src_shop", { cookie_scope: "site", cookieless: "always" });
    expect(changed).toMatchObject({ status: 200, body: { name: "Shop", cookie_scope: "site", cookieless: "always" } });
    expect((await call("PATCH", "sources/src_shop", { cookieless: null })).body.cookieless).toBe("never");
    expect((await snapshot()).sources).toMatchObject([{ id: "src_shop", cookie_scope: "site", cookieless: "never" }]);
  });

  it("goes with its keys", async () => {
    const { body } = await call("POST", "sources", { id: "src_shop", name: "Shop" });
    expect((await call("DELETE", "sources/src_shop")).status).toBe(204);
    forgetConfiguration();
    expect(await readWriteKey(env.CONFIG, sha256(body.created_keys[0].key))).toBeNull();
    expect((await snapshot()).sources).toEqual([]);
    expect((await call("GET", "sources/src_shop")).status).toBe(404);
  });

  it("stays while an integration is fed by it alone: without it, all would feed that one", async () => {
    await call("POST", "sources", { id: "src_shop", name: "Shop" });
    await call("POST", "integrations", webhook({ source_ids: ["src_shop"] }));
    const refused = await call("DELETE", "sources/src_shop");
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining("int_hook") } });
  });

  it("is refused by the field that is wrong, and where its id is taken", async () => {
    await call("POST", "sources", { id: "src_shop", name: "Shop" });
    expect(await call("PATCH", "sources/src_shop", { cookieless: "sometimes" })).toMatchObject({
      status: 400,
      body: { code: "invalid_request", detail: expect.stringContaining("cookieless") },
    });
    expect((await call("PATCH", "sources/src_shop", { surprise: 1 })).body.detail).toContain("surprise");
    expect((await call("POST", "sources", { id: "src_shop", name: "Again" })).status).toBe(409);
  });
});

describe("an integration", () => {
  it("never shows its secret, and keeps it where a change does not name it", async () => {
    const made = await call("POST", "integrations", webhook());
    expect(made.body).toMatchObject({
      secret_settings: ["secret", "headers"],
      settings: { url: "https://hooks.example.com/in" },
    });
    const changed = await call("PATCH", "integrations/int_hook", { settings: { url: "https://hooks.example.com/b" } });
    expect(changed).toMatchObject({ status: 200, body: { settings: { url: "https://hooks.example.com/b" } } });
    for (const { body } of [made, changed, await call("GET", "integrations/int_hook")])
      expect(JSON.stringify(body)).not.toContain("whsec_");
    expect((await call("PATCH", "integrations/int_hook", { settings: { secret: "" } })).status).toBe(400);
  });

  it("is paused and goes on, and is gone when it is deleted", async () => {
    await call("POST", "integrations", webhook());
    expect((await call("POST", "integrations/int_hook/pause")).body.enabled).toBe(false);
    expect((await snapshot()).integrations[0]!.enabled).toBe(false);
    expect((await call("POST", "integrations/int_hook/resume")).body.enabled).toBe(true);
    expect((await call("DELETE", "integrations/int_hook")).status).toBe(204);
    expect((await snapshot()).integrations).toEqual([]);
  });

  it("cannot be reached through another environment", async () => {
    await call("POST", "environments", { id: "env_two", organisation_id: "org_res", name: "prod" });
    await call("POST", "integrations?environment_id=env_res", webhook());
    for (const [method, path] of [
      ["GET", ""],
      ["PATCH", ""],
      ["DELETE", ""],
      ["POST", "/pause"],
    ] as const)
      expect(
        (await call(method, `integrations/int_hook${path}?environment_id=env_two`, method === "PATCH" ? {} : undefined))
          .status,
      ).toBe(404);
  });
});

it("lists in pages that leave nothing out", async () => {
  for (const n of [1, 2, 3, 4, 5]) await call("POST", "sources", { id: `src_${n}`, name: `${n}` });
  const seen: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body }: Answer = await call("GET", `sources?limit=2${cursor && `&cursor=${cursor}`}`);
    seen.push(...body.items.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor;
  }
  expect(seen).toEqual(["src_1", "src_2", "src_3", "src_4", "src_5"]);
  expect((await call("GET", "sources?cursor=nonsense")).status).toBe(400);
});

describe("changes at the same time", () => {
  it("of different fields are both kept", async () => {
    await call("POST", "sources", { id: "src_shop", name: "Shop" });
    const changes = [{ name: "New" }, { cookie_scope: "site" }, { cookieless: "always" }, { honour_dnt: true }];
    const answers = await Promise.all(changes.map((change) => call("PATCH", "sources/src_shop", change)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await snapshot()).sources).toMatchObject([Object.assign({}, ...changes)]);
  });

  it.each([
    ["sources/src_shop", { name: "A" }],
    ["integrations/int_hook", { name: "A" }],
    ["environments/env_res", { session_timeout_s: 900 }, "/settings"],
    ["organisations/org_res", { name: "A" }],
  ])("of %s by two who have seen the same: the second is told so", async (path, change, below = "") => {
    await call("POST", "sources", { id: "src_shop", name: "Shop" });
    await call("POST", "integrations", webhook());
    const etag = (await call("GET", path)).headers.get("etag")!;
    expect(etag).toMatch(/^"\d+"$/);
    const both = await Promise.all([1, 2].map(() => call("PATCH", path + below, change, { "if-match": etag })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect(both.find(({ status }) => status === 412)!.body.code).toBe("precondition_failed");
    const now = both.find(({ status }) => status === 200)!.headers.get("etag")!;
    expect((await call("PATCH", path + below, change, { "if-match": now })).status).toBe(200);
  });
});

describe("an Idempotency-Key", () => {
  it("gets the first answer again, new keys included, and makes nothing twice", async () => {
    const source = { id: "src_once", name: "Once" };
    const first = await call("POST", "sources", source, { "idempotency-key": "k1" });
    const second = await call("POST", "sources", source, { "idempotency-key": "k1" });
    expect(second).toMatchObject({ status: 201, body: first.body });
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    const stored = await env.DB.prepare("SELECT * FROM idempotent_answers").all();
    expect(JSON.stringify(stored.results)).not.toContain(first.body.created_keys[1].key);
  });

  it("refuses another body, and lets two at once not both through", async () => {
    await call("POST", "sources", { id: "src_once", name: "Once" }, { "idempotency-key": "k1" });
    expect((await call("POST", "sources", { id: "src_two", name: "Two" }, { "idempotency-key": "k1" })).body.code).toBe(
      "idempotency_key_reused",
    );
    const other = { id: "src_other", name: "Other" };
    const both = await Promise.all([1, 2].map(() => call("POST", "sources", other, { "idempotency-key": "k2" })));
    expect(both.some(({ status }) => status === 201)).toBe(true);
    for (const { status, body } of both) expect(status === 201 || body.code === "request_in_progress").toBe(true);
  });
});

it("says what is wrong as problem details, with what older clients read beside them", async () => {
  const { status, headers, body } = await call("GET", "sources/src_none");
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(body).toEqual({
    type: "urn:millrace:problem:not_found",
    title: "Not found",
    status,
    detail: "There is no source src_none in env_res",
    code: "not_found",
    request_id: headers.get("x-request-id"),
    error: { code: "not_found", message: "There is no source src_none in env_res" },
  });
});

it("deletes an environment only when nothing is left in it", async () => {
  await call("POST", "sources", { id: "src_shop", name: "Shop" });
  expect((await call("DELETE", "environments/env_res")).status).toBe(409);
  await call("DELETE", "sources/src_shop");
  expect((await call("DELETE", "environments/env_res")).status).toBe(204);
  expect((await call("GET", "environments/env_res")).status).toBe(404);
});

it("tells which snapshot the Workers find", async () => {
  await call("PATCH", "environments/env_res/settings", { session_timeout_s: 600 });
  const { version, published_at } = await snapshot();
  expect(version).toBe(2);
  expect((await call("GET", "environments/env_res/snapshot")).body).toEqual({
    environment_id: "env_res",
    version,
    published_at,
    is_live: true,
  });
});

it("describes each destination's settings for a form, with its secrets marked", async () => {
  const { items } = (await call("GET", "destinations")).body;
  expect(items.length).toBeGreaterThan(20);
  const ga4 = items.find(({ name }: { name: string }) => name === "ga4");
  expect(ga4.settings_schema.properties.api_secret).toMatchObject({ writeOnly: true, format: "password" });
  expect(ga4.example_settings).not.toHaveProperty("api_secret");
  expect(ga4.settings_schema.required).toContain("measurement_id");
});
