import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { forgetConfiguration } from "../../config.ts";

const api = (method: string, path: string, body?: object) =>
  exports.default.fetch(`https://api.example/api/v1/${path}`, {
    method,
    headers: { authorization: "Bearer test-admin-token" },
    ...(body && { body: JSON.stringify(body) }),
  });
const json = async <T>(response: Promise<Response>) => (await (await response).json()) as T;

interface Made {
  id: string;
  key: string;
  secret?: string;
  old_key_expires_at?: string;
}

/** What the door says to an event with this key. */
async function knock(key: string, secret = ""): Promise<number> {
  forgetConfiguration();
  const response = await exports.default.fetch("https://data.example/v1/track", {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${key}:${secret}`)}` },
    body: JSON.stringify({ event: "x", user_id: "u1" }),
  });
  await response.body?.cancel();
  return response.status;
}

beforeAll(async () => {
  const answer = await api("PATCH", "environments/env_keys", {
    organisation: { id: "org_keys", name: "Keys" },
    name: "prod",
    sources: [{ id: "src_keys", name: "Shop", script_path: "/keys/shop.js", ip_policy: "truncated" }],
    integrations: [],
  });
  expect(answer.status).toBe(200);
});

describe("a source's keys", () => {
  it("are made on demand, open the door, and are listed by their last letters", async () => {
    for (const form of ["public", "server", "app"]) {
      const { id, key, secret } = await json<Made>(api("POST", "sources/src_keys/keys", { form }));
      expect(await knock(key, secret)).toBe(200);
      const { keys } = await json<{ keys: object[] }>(api("GET", "sources/src_keys/keys"));
      expect(keys).toContainEqual(expect.objectContaining({ id, form, hint: key.slice(-4), revoked: false }));
      expect(JSON.stringify(keys)).not.toContain(key);
    }
  });

  it("open side by side after a rotation, for the grace that was asked", async () => {
    const old = await json<Made>(api("POST", "sources/src_keys/keys", { form: "app" }));
    const fresh = await json<Made>(api("POST", `keys/${old.id}/rotate`, { grace_s: 3_600 }));
    expect(await knock(old.key, old.secret)).toBe(200);
    expect(await knock(fresh.key, fresh.secret)).toBe(200);
    expect(Date.parse(fresh.old_key_expires_at!) - Date.now()).toBeGreaterThan(3_590_000);
    const twice = await api("POST", `keys/${old.id}/rotate`, {});
    expect([twice.status, await twice.json()]).toMatchObject([400, { error: { code: "invalid_request" } }]);
  });

  it("open nothing once the grace is over or they are revoked", async () => {
    const old = await json<Made>(api("POST", "sources/src_keys/keys", { form: "server" }));
    const fresh = await json<Made>(api("POST", `keys/${old.id}/rotate`, { grace_s: 0 }));
    expect([await knock(old.key), await knock(fresh.key)]).toEqual([401, 200]);
    expect(await json(api("DELETE", `keys/${fresh.id}`))).toMatchObject({ id: fresh.id, revoked: true });
    expect(await knock(fresh.key)).toBe(401);
  });

  it.each<[string, string, object | undefined, number, string]>([
    ["POST", "sources/src_none/keys", { form: "app" }, 404, "not_found"],
    ["GET", "sources/src_none/keys", undefined, 404, "not_found"],
    ["GET", "sources/src_none/script", undefined, 404, "not_found"],
    ["POST", "sources/src_keys/keys", { form: "skeleton" }, 400, "invalid_request"],
    ["POST", "sources/src_keys/keys", {}, 400, "invalid_request"],
    ["POST", "keys/key_none/rotate", {}, 404, "not_found"],
    ["POST", "keys/key_none/rotate", { grace_s: -1 }, 400, "invalid_request"],
    ["DELETE", "keys/key_none", undefined, 404, "not_found"],
    ["GET", "sources/src_keys/script?host=<b>", undefined, 400, "invalid_request"],
  ])("%s %s %j is refused by name", async (method, path, body, status, code) => {
    const answer = await api(method, path, body);
    expect([answer.status, await answer.json()]).toMatchObject([status, { error: { code } }]);
  });
});

describe("a source's script", () => {
  it("has a tag that a page can use as it is", async () => {
    const { path, tag } = await json<{ path: string; tag: string }>(
      api("GET", "sources/src_keys/script?host=www.shop.example&write_key=wk_1"),
    );
    expect(path).toMatch(/^\/keys\/shop\.[0-9a-f]{8}\.js$/);
    expect(tag).toBe(`<script defer src="https://www.shop.example${path}" data-write-key="wk_1"></script>`);
    forgetConfiguration();
    const served = await exports.default.fetch(`https://www.shop.example${path}`);
    expect(served.headers.get("cache-control")).toContain("immutable");
    expect(await served.text()).toBe(await (await env.ASSETS.fetch("https://x.invalid/millrace.js")).text());
  });

  it("keeps its path to itself", async () => {
    const answer = await api("PATCH", "environments/env_keys_2", {
      organisation: { id: "org_keys", name: "Keys" },
      name: "dev",
      sources: [{ id: "src_keys_2", name: "Other", script_path: "/keys/shop.js" }],
      integrations: [],
    });
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { message: "sources.0.script_path: /keys/shop.js belongs to another source" } },
    ]);
  });
});
