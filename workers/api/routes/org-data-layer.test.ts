import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { piiKeysOf } from "../../../core/pii/pii-keys.ts";
import type { VersionHead } from "../../../db/configuration-versions.ts";
import { forgetConfiguration } from "../../config.ts";
import { api } from "../index.ts";

const call = (
  path: string,
  init: { method?: string; body?: string; headers?: Record<string, string> } = {},
  bindings: object = env,
) =>
  api.request(
    `/api/v1/${path}`,
    { ...init, headers: { authorization: "Bearer test-admin-token", ...init.headers } },
    bindings,
  );
const json = (method: string, body: unknown) => ({ method, body: JSON.stringify(body) });

const query = "environment_id=env_governed";

beforeEach(async () => {
  const shop = { organisation: { id: "org_governed", name: "Governed" }, name: "prod", sources: [], integrations: [] };
  expect((await call("environments/env_governed", json("PATCH", shop))).status).toBe(200);
  forgetConfiguration();
  await call(`org-data-layer?${query}`, json("PUT", {}));
  forgetConfiguration();
});

describe("the document", () => {
  it("is empty at first, saved as it is given, and published in the snapshot with its defaults", async () => {
    const document = { types: { "properties.price": "number" }, pii: { classes: { email: "hash" } } };
    const saved = await call(`org-data-layer?${query}`, json("PUT", document));
    expect(saved.status).toBe(200);
    const { version } = (await saved.json()) as { version: number };
    forgetConfiguration();
    expect(await (await call(`org-data-layer?${query}`)).json()).toEqual({ version, document });
    const snapshot = await env.CONFIG.get<{ org_data_layer: object }>("environment/env_governed", "json");
    expect(snapshot?.org_data_layer).toMatchObject({
      types: { "properties.price": { type: "number", on_failure: "keep" } },
      pii: { classes: { email: "hash", card: "mask" } },
      cleanse: { trim: true },
    });
  });

  it("is read and written as YAML", async () => {
    const body = "standardise:\n  events:\n    Checkout Completed: Order Completed\n";
    const saved = await call(`org-data-layer?${query}`, {
      method: "PUT",
      body,
      headers: { "content-type": "application/yaml" },
    });
    expect(saved.status).toBe(200);
    const read = await call(`org-data-layer?${query}&format=yaml`);
    expect(read.headers.get("content-type")).toMatch("yaml");
    expect(parse(await read.text())).toEqual({ standardise: { events: { "Checkout Completed": "Order Completed" } } });
  });

  it("changes by section, and a section that is null goes", async () => {
    await call(
      `org-data-layer?${query}`,
      json("PUT", { cleanse: { strip_html: true }, types: { "properties.a": "string" } }),
    );
    await call(`org-data-layer?${query}`, json("PATCH", { cleanse: null, normalise: { known_fields: true } }));
    expect(await (await call(`org-data-layer?${query}`)).json()).toMatchObject({
      document: { types: { "properties.a": "string" }, normalise: { known_fields: true } },
    });
  });

  it.each<[string, string, string, RegExp]>([
    ["a section that is none", '{"tracking_plans":{}}', "application/json", /tracking_plans/],
    ["a path that leads nowhere", '{"types":{"price":"number"}}', "application/json", /price/],
    [
      "a schema with a typo",
      '{"tracking_plan":{"events":{"A":{"properties":{"requird":[]}}}}}',
      "application/json",
      /requird/,
    ],
    ["a policy that keeps card numbers", '{"pii":{"classes":{"card":"allow"}}}', "application/json", /card/],
    ["what is no JSON", "{", "application/json", /not JSON/],
    ["what is no YAML", "a: [", "application/yaml", /not YAML/],
    ["a list", "[]", "application/json", /object/],
  ])("is refused with %s, and nothing changes", async (_, body, type, message) => {
    const before = await (await call(`org-data-layer?${query}`)).json();
    const response = await call(`org-data-layer?${query}`, { method: "PUT", body, headers: { "content-type": type } });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(message);
    forgetConfiguration();
    expect(await (await call(`org-data-layer?${query}`)).json()).toEqual(before);
  });

  it("is refused where it needs a key that the Worker does not have", async () => {
    const response = await call(`org-data-layer?${query}`, json("PUT", { pii: { classes: { email: "tokenise" } } }), {
      ...env,
      PII_KEY: undefined,
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: { message: expect.stringMatching(/PII_KEY/) } },
    ]);
  });
});

describe("versions", () => {
  const versions = async () =>
    ((await (await call(`org-data-layer/versions?${query}`)).json()) as { versions: VersionHead[] }).versions;
  const put = async (document: object, more = "") => {
    const answer = await call(`org-data-layer?${query}${more}`, json("PUT", document));
    return ((await answer.json()) as { document_version: number }).document_version;
  };
  const one = { types: { "properties.price": "number" } };
  const two = { types: { "properties.price": "string" }, cleanse: { strip_html: true } };

  it("has one for each change, with who and why, and none for what changes nothing", async () => {
    const first = await put(one, "&author=ada&note=prices");
    expect(await put(two)).toBe(first + 1);
    expect(await put(two, "&note=again")).toBe(first + 1);
    expect((await versions()).slice(0, 2)).toMatchObject([
      { version: first + 1, author: "admin", note: "" },
      { version: first, author: "ada", note: "prices", kind: "org_data_layer", subject_id: "env_governed" },
    ]);
    const older = await call(`org-data-layer/versions?${query}&before=${first + 1}`);
    expect(((await older.json()) as { versions: VersionHead[] }).versions[0]).toMatchObject({ version: first });
    const stored = await call(`org-data-layer/versions/${first}?${query}`);
    expect(await stored.json()).toMatchObject({ version: first, document: one });
    const yaml = await call(`org-data-layer/versions/${first}?${query}&format=yaml`);
    expect(parse(await yaml.text())).toEqual(one);
  });

  it("are held against each other", async () => {
    const from = await put(one);
    const to = await put(two);
    const diff = await call(`org-data-layer/versions/${from}/diff?${query}&with=${to}`);
    expect(await diff.json()).toEqual({
      from,
      to,
      changes: [
        { path: "types.properties.price", op: "changed", before: "number", after: "string" },
        { path: "cleanse", op: "added", after: { strip_html: true } },
      ],
      text: '~ types.properties.price: "number" → "string"\n+ cleanse: {"strip_html":true}',
    });
  });

  it("come back as a new one, which is published", async () => {
    const old = await put(one);
    await put(two);
    const back = await call(`org-data-layer/versions/${old}/rollback?${query}`, json("POST", { author: "ada" }));
    expect([back.status, await back.json()]).toMatchObject([
      201,
      { version: old + 2, author: "ada", note: `back to version ${old}` },
    ]);
    expect(await (await call(`org-data-layer/versions/${old + 2}?${query}`)).json()).toMatchObject({ document: one });
    expect(await (await call(`org-data-layer?${query}`)).json()).toMatchObject({ document: one });
    const snapshot = await env.CONFIG.get<{ org_data_layer: object }>("environment/env_governed", "json");
    expect(snapshot?.org_data_layer).toMatchObject({ types: { "properties.price": { type: "number" } } });
  });

  it("are made by applying a whole environment too, where it brings another document", async () => {
    const last = await put(one);
    const shop = {
      organisation: { id: "org_governed", name: "Governed" },
      name: "prod",
      sources: [],
      integrations: [],
    };
    const apply = (more: object) => call("environments/env_governed?author=ci", json("PATCH", { ...shop, ...more }));
    for (const more of [{}, { org_data_layer: one }]) expect((await apply(more)).status).toBe(200);
    expect((await versions())[0]!.version).toBe(last);
    expect((await apply({ org_data_layer: two })).status).toBe(200);
    expect((await versions())[0]).toMatchObject({ version: last + 1, author: "ci" });
  });

  it("begin with the document that was there before versions were kept", async () => {
    await env.DB.prepare("DELETE FROM configuration_versions WHERE subject_id = 'env_governed'").run();
    await env.DB.prepare("UPDATE environments SET org_data_layer = ? WHERE id = 'env_governed'")
      .bind(JSON.stringify(one))
      .run();
    expect(await put(two)).toBe(2);
    expect(await (await call(`org-data-layer/versions/1?${query}`)).json()).toMatchObject({
      document: one,
      author: "unknown",
    });
  });

  it("of many changes at once each has its own number, and the newest is what is in use", async () => {
    const last = await put(one);
    const documents = [1, 2, 3, 4].map((n) => ({ types: { [`properties.p${n}`]: "number" } }));
    const numbers = await Promise.all(documents.map((document) => put(document)));
    expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4].map((n) => last + n));
    const { document } = (await (await call(`org-data-layer/versions/${last + 4}?${query}`)).json()) as {
      document: object;
    };
    expect(await (await call(`org-data-layer?${query}`)).json()).toMatchObject({ document });
  });

  it("are not made by what is refused", async () => {
    const last = await put({ pii: { classes: { email: "tokenise" } } });
    await put(one);
    const withoutKey = { ...env, PII_KEY: undefined };
    const refused = [
      await call(`org-data-layer?${query}`, json("PUT", { tracking_plans: {} })),
      await call(`org-data-layer?${query}&author=${"a".repeat(201)}`, json("PUT", two)),
      await call(`org-data-layer/versions/${last}/rollback?${query}`, { method: "POST" }, withoutKey),
      await call(`org-data-layer/versions/latest?${query}`),
      await call(`org-data-layer/versions/${last}/diff?${query}`),
      await call(`org-data-layer/versions/9999?${query}`),
      await call(`org-data-layer/versions/9999/rollback?${query}`, { method: "POST" }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 404, 404]);
    expect((await versions())[0]!.version).toBe(last + 1);
  });
});

describe("the tracking plan", () => {
  it("shows what was counted, and forgets it", async () => {
    const watch = env.SCHEMA_WATCH.getByName("env_governed");
    await watch.report({}, [{ event: "track A", path: "properties.price", keyword: "type", count: 2, sample: "12" }]);
    await watch.report({}, [{ event: "track A", path: "properties.price", keyword: "type", count: 3, sample: "13" }]);
    expect(await (await call(`tracking-plan/violations?${query}`)).json()).toMatchObject({
      violations: [{ event: "track A", path: "properties.price", keyword: "type", count: 5, sample: "12" }],
    });
    await call(`tracking-plan/violations?${query}`, { method: "DELETE" });
    expect(await (await call(`tracking-plan/violations?${query}`)).json()).toEqual({ violations: [] });
  });

  it("comes from Segment in both forms, and is one of ours", async () => {
    const properties = {
      type: "object",
      properties: { total: { type: "number" } },
      required: ["total"],
      dependencies: { a: ["b"] },
    };
    const jsonSchema = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      labels: {},
      properties: { context: {}, traits: {}, properties },
    };
    const forms = [
      { rules: [{ key: "Order Completed", type: "TRACK", version: 1, jsonSchema }] },
      {
        display_name: "Shop",
        rules: { events: [{ name: "Order Completed", version: 1, rules: jsonSchema }], global: {} },
      },
    ];
    for (const form of forms) {
      const answer = (await (await call("tracking-plan/from-segment", json("POST", form))).json()) as {
        tracking_plan: object;
      };
      expect(answer).toEqual({
        tracking_plan: {
          events: {
            "Order Completed": {
              properties: { type: "object", properties: { total: { type: "number" } }, required: ["total"] },
            },
          },
        },
        left_out: ["event Order Completed.properties: dependencies"],
      });
      expect(
        (await call(`org-data-layer?${query}`, json("PATCH", { tracking_plan: answer.tracking_plan }))).status,
      ).toBe(200);
    }
    expect((await call("tracking-plan/from-segment", json("POST", { plan: 1 }))).status).toBe(400);
  });
});

it("opens tokens of its organisation, and nobody else's", async () => {
  const snapshot = await env.CONFIG.get<{ organisation_id: string }>("environment/env_governed", "json");
  const ours = piiKeysOf(env.PII_KEY, snapshot!.organisation_id)!.seal("ada@example.com");
  const theirs = piiKeysOf(env.PII_KEY, "org_other")!.seal("ada@example.com");
  const response = await call(`pii/reveal?${query}`, json("POST", { tokens: [ours, theirs, "x"] }));
  expect(await response.json()).toEqual({ values: ["ada@example.com", null, null] });
});
