import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { api } from "./index.ts";

afterEach(() => vi.restoreAllMocks());

const call = (path: string, headers: Record<string, string> = {}, bindings: object = env) =>
  api.request(path, { headers }, bindings);

describe("the admin token", () => {
  it.each<[string, Record<string, string>]>([
    ["no token", {}],
    ["another token", { authorization: "Bearer wrong" }],
    ["an empty token", { authorization: "Bearer " }],
    ["the token's beginning", { authorization: "Bearer test-admin" }],
    ["the token under another scheme", { authorization: "Basic test-admin-token" }],
  ])("is asked for everywhere under /api, and is not %s", async (_, headers) => {
    for (const path of [
      "/api/v1/status",
      "/api/v1/dead-letters",
      "/api/v1/dead-letters/x",
      "/api/v1/live",
      "/api/v2",
    ]) {
      const response = await call(path, headers);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { code: "unauthenticated" } });
    }
  });

  it.each([["Bearer"], ["bearer"]])("is taken as %s token", async (scheme) => {
    expect((await call("/api/v1/nothing", { authorization: `${scheme} test-admin-token` })).status).toBe(404);
  });

  it("is not read from a query, where logs and histories would keep it", async () => {
    for (const headers of [{}, { upgrade: "websocket" }])
      expect((await call("/api/v1/live?token=test-admin-token", headers)).status).toBe(401);
  });

  it.each([undefined, ""])("opens nothing where the deployment has none: %o", async (ADMIN_TOKEN) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    for (const token of ["", "undefined", "test-admin-token"]) {
      const response = await call("/api/v1/status", { authorization: `Bearer ${token}` }, { ...env, ADMIN_TOKEN });
      expect([401, 500]).toContain(response.status);
    }
  });
});

it("answers that it lives, to anybody", async () => {
  const response = await call("/health/live");
  expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
});

it("names what it does not have", async () => {
  const response = await call("/api/v1/unicorns", { authorization: "Bearer test-admin-token" });
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({
    code: "not_found",
    error: { code: "not_found", message: "There is no GET /api/v1/unicorns" },
  });
});

it("says nothing of itself where something broke", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  const DB = {
    prepare() {
      throw new Error("secret table is gone");
    },
  };
  const response = await call("/api/v1/status", { authorization: "Bearer test-admin-token" }, { ...env, DB });
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ error: { code: "internal" } });
  expect(text).not.toContain("table");
  expect(errors).toHaveBeenCalledOnce();
});

it("serves the dashboard's page for every address below /app, files for every other GET, and refuses other methods", async () => {
  const fetch = async (request: Request) => {
    const { pathname } = new URL(request.url);
    return pathname.startsWith("/app/env") ? new Response("", { status: 404 }) : new Response(`file ${pathname}`);
  };
  const served = async (path: string) => (await call(path, {}, { ...env, ASSETS: { fetch } })).text();
  expect(await served("/app/env_demo/live")).toBe("file /app/");
  expect(await served("/app/assets/index.css")).toBe("file /app/assets/index.css");
  expect(await served("/robots.txt")).toBe("file /robots.txt");
  expect((await call("/", {}, env)).headers.get("location")).toBe("/app/");
  expect((await api.request("/app", { method: "POST" }, env)).status).toBe(404);
});
