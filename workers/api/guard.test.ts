import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { api } from "./index.ts";
import { RateWindow } from "./rate-window.ts";

const call = (path: string, headers: Record<string, string> = {}, bindings: object = env, method = "GET") =>
  api.request(path, { method, headers: { authorization: "Bearer test-admin-token", ...headers } }, bindings);

it("puts safe headers, a request id and what is left on every answer, refusals too", async () => {
  for (const path of ["/api/v1/keys/none", "/api/v1/nothing"]) {
    const { headers } = await call(path, { "x-request-id": "my-request-1" });
    expect(headers.get("x-request-id")).toBe("my-request-1");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(Number(headers.get("x-ratelimit-remaining"))).toBeLessThan(Number(headers.get("x-ratelimit-limit")));
  }
});

it("takes no request id that could be something else", async () => {
  const { headers } = await call("/api/v1/nothing", { "x-request-id": "a b; <script>" });
  expect(headers.get("x-request-id")).toMatch(/^[\w-]{36}$/);
});

describe("another origin", () => {
  const bindings = { ...env, API_ALLOWED_ORIGINS: "https://tools.example, https://other.example" };

  it("is let in where the deployment names it, and asks first", async () => {
    const answer = await call("/api/v1/nothing", { origin: "https://other.example" }, bindings);
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://other.example");
    const asks = { origin: "https://tools.example", "access-control-request-method": "PATCH" };
    const preflight = await api.request("/api/v1/keys", { method: "OPTIONS", headers: asks }, bindings);
    expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([
      204,
      expect.stringContaining("PATCH"),
    ]);
  });

  it.each(["https://evil.example", "null", "https://tools.example.evil.example"])(
    "is not when it is %s",
    async (origin) => {
      const { headers } = await call("/api/v1/nothing", { origin }, bindings);
      expect(headers.has("access-control-allow-origin")).toBe(false);
    },
  );
});

describe("a rate window", () => {
  it("lets each caller have so many, and again when the window is over", () => {
    const window = new RateWindow(2, 1_000);
    const took = (caller: string, now: number) => window.take([caller], now).ok;
    expect([took("a", 0), took("a", 1), took("a", 2), took("b", 3)]).toEqual([true, true, false, true]);
    expect(took("a", 1_000)).toBe(true);
  });

  it("goes by the tightest of a request's callers", () => {
    const window = new RateWindow(3, 1_000);
    window.take(["address", "one"], 0);
    expect(window.take(["address", "two"], 0)).toEqual({ ok: true, remaining: 1, resets_at: 1_000 });
  });
});

describe("health", () => {
  it("is ready while D1, KV and R2 answer", async () => {
    const response = await api.request("/health/ready", {}, env);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ checks: { d1: { ok: true }, kv: { ok: true }, r2: { ok: true } } });
  });

  it("is not when one hangs or fails, says which, and nothing else", async () => {
    const CONFIG = { get: () => new Promise(() => {}) };
    const LAKE = { head: () => Promise.reject(new Error("bucket millrace-lake is gone")) };
    const response = await api.request("/health/ready", {}, { ...env, CONFIG, LAKE });
    const text = await response.text();
    expect(response.status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({ checks: { d1: { ok: true }, kv: { ok: false }, r2: { ok: false } } });
    expect(text).not.toContain("gone");
  });

  it("at the start asks for tables and secrets", async () => {
    expect((await api.request("/health/startup", {}, env)).status).toBe(200);
    const response = await api.request("/health/startup", {}, { ...env, DOOR_KEY: undefined });
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining("DOOR_KEY")]);
  });
});

describe("metrics", () => {
  const ask = (token: string, METRICS_TOKEN?: string) =>
    api.request("/metrics", { headers: { authorization: `Bearer ${token}` } }, { ...env, METRICS_TOKEN });

  it("are for their own token only", async () => {
    expect((await ask("x")).status).toBe(404);
    expect((await ask("test-admin-token", "metrics-token")).status).toBe(401);
  });

  it("are text that Prometheus reads", async () => {
    const response = await ask("metrics-token", "metrics-token");
    expect(response.headers.get("content-type")).toContain("version=0.0.4");
    const text = await response.text();
    expect(text).toContain("# TYPE millrace_events_total counter\n");
    for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+\{.*\} \d+)$/);
  });
});
