import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { beforeEach, describe, expect, it } from "vitest";
import { openCredentials as open } from "../core/credentials.ts";
import { sha256 } from "../core/hash.ts";
import { emptyDatabase } from "../test/empty-database.ts";
import { api } from "../workers/api/index.ts";
import { forgetConfiguration, readEnvironment, readSecrets, readWriteKey } from "../workers/config.ts";
import { type Applied, applyEnvironment, environmentDocument } from "./apply-environment.ts";
import * as schema from "./schema.ts";

const db = drizzle(env.DB, { schema });

const document = (changes: object = {}) => ({
  organisation: { id: "org_one", name: "One" },
  name: "prod",
  sources: [{ id: "src_web", name: "Web" }],
  integrations: [
    {
      id: "int_ga",
      name: "GA",
      destination: "ga4",
      settings: { measurement_id: "G-ABC1", api_secret: "first-secret" },
      source_ids: ["src_web"],
    },
  ],
  ...changes,
});

const apply = (id: string, given: object) =>
  applyEnvironment(db, env.CONFIG, env.CREDENTIALS_KEY, id, environmentDocument.parse(given));

const patch = (id: string, body: unknown) =>
  api.request(
    `/api/v1/environments/${id}`,
    {
      method: "PATCH",
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    },
    env,
  );

beforeEach(async () => {
  forgetConfiguration();
  await emptyDatabase();
});

describe("applying an environment", () => {
  it("makes it from nothing, and shows the new keys once", async () => {
    const answer = await patch("env_prod", document());
    expect(answer.status).toBe(200);
    const { environment, created_keys } = (await answer.json()) as Applied;
    expect(environment).toMatchObject({
      id: "env_prod",
      version: 1,
      integrations: [{ settings: { measurement_id: "G-ABC1" }, source_ids: ["src_web"] }],
    });
    expect(created_keys.map(({ kind }) => kind)).toEqual(["public", "server"]);
    expect(await readWriteKey(env.CONFIG, sha256(created_keys[0]!.key))).toMatchObject({
      environment_id: "env_prod",
      source_id: "src_web",
    });
    expect(JSON.stringify(environment)).not.toContain("first-secret");
    const again = (await (await patch("env_prod", document())).json()) as Applied;
    expect(again).toMatchObject({ environment: { version: 2 }, created_keys: [] });
  });

  it("keeps a secret that the document leaves out, and takes a new one", async () => {
    await apply("env_prod", document());
    const secretNow = async () =>
      open(env.CREDENTIALS_KEY, "int_ga", (await readSecrets(env.CONFIG, "int_ga"))!.sealed);
    const changed = (settings: object) =>
      document({ integrations: [{ id: "int_ga", name: "GA", destination: "ga4", settings }] });
    await apply("env_prod", changed({ measurement_id: "G-ABC2" }));
    forgetConfiguration();
    expect(await secretNow()).toEqual({ api_secret: "first-secret" });
    expect((await readEnvironment(env.CONFIG, "env_prod"))!.integrations[0]).toMatchObject({
      settings: { measurement_id: "G-ABC2" },
    });
    await apply("env_prod", changed({ measurement_id: "G-ABC2", api_secret: "second-secret" }));
    forgetConfiguration();
    expect(await secretNow()).toEqual({ api_secret: "second-secret" });
  });

  it("leaves alone what the document does not name", async () => {
    await apply("env_prod", document());
    const { environment } = await apply(
      "env_prod",
      document({ sources: [{ id: "src_app", name: "App" }], integrations: [] }),
    );
    expect(environment.sources.map(({ id }) => id).sort()).toEqual(["src_app", "src_web"]);
    expect(environment.integrations).toHaveLength(1);
  });
});

describe("a document that cannot be applied", () => {
  const settings = { measurement_id: "G-ABC1", api_secret: "s" };
  it.each([
    ["is not JSON", "{", "invalid_json", "JSON"],
    ["has an unknown field", document({ surprise: 1 }), "invalid_request", "surprise"],
    [
      "names no such destination",
      document({ integrations: [{ id: "int_x", name: "X", destination: "fax", settings: {} }] }),
      "invalid_request",
      "there is no fax",
    ],
    [
      "has a wrong setting",
      document({
        integrations: [
          { id: "int_x", name: "X", destination: "ga4", settings: { ...settings, measurement_id: "UA-1" } },
        ],
      }),
      "invalid_request",
      "integrations.0.settings.measurement_id",
    ],
    [
      "misses a secret",
      document({
        integrations: [{ id: "int_x", name: "X", destination: "ga4", settings: { measurement_id: "G-A1" } }],
      }),
      "invalid_request",
      "api_secret",
    ],
    [
      "feeds from a source that is not there",
      document({ integrations: [{ id: "int_x", name: "X", destination: "ga4", settings, source_ids: ["src_none"] }] }),
      "invalid_request",
      "src_none",
    ],
    [
      "says an id twice",
      document({
        sources: [
          { id: "src_web", name: "A" },
          { id: "src_web", name: "B" },
        ],
      }),
      "invalid_request",
      "twice",
    ],
  ])("%s: it is refused by name and changes nothing", async (_, body, code, words) => {
    const answer = await patch("env_refused", body);
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(await db.select().from(schema.organisations)).toEqual([]);
    expect(await readEnvironment(env.CONFIG, "env_refused")).toBeNull();
  });

  it("cannot reach into another environment or organisation by an id", async () => {
    await apply("env_prod", document());
    expect((await patch("env_other", document({ name: "dev" }))).status).toBe(400);
    expect((await patch("env_prod", document({ organisation: { id: "org_two", name: "Two" } }))).status).toBe(400);
    expect(await db.select().from(schema.environments)).toHaveLength(1);
  });
});
