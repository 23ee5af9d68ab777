import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { errorResponse } from "../../../core/api-error.ts";
import type { Environment, Source } from "../../../core/environment.ts";
import { seal } from "../../../core/vault.ts";
import { publish, WRITE_KEY } from "../../../test/a-door.ts";
import { aSource } from "../../../test/an-environment.ts";
import type { IngestEnv } from "../../env.ts";
import { identityHub } from "./routes.ts";

const SHOP = "shop.example";
const BLOG = "blog.example:8443";
const HUB = "id.brand.example";
const LINKED = [SHOP, BLOG, HUB];
const ALICE = "11111111-1111-4111-8111-111111111111";
const BOB = "22222222-2222-4222-8222-222222222222";

const app = new Hono<{ Bindings: IngestEnv }>().route("/v1/hub", identityHub);
app.onError(errorResponse);

interface Asked {
  /** The page's host; null: none is named. */
  from?: string | null;
  /** The collector's host. */
  at?: string;
  cookie?: string;
  browser?: string;
  headers?: Record<string, string>;
}

async function ask(
  path: string,
  body: object,
  { from = SHOP, at, cookie, browser = "A browser", headers }: Asked = {},
) {
  const request = new Request(`https://${at ?? `data.${SHOP}`}/v1/hub${path}`, {
    method: "POST",
    headers: {
      "user-agent": browser,
      ...(from !== null && { origin: from.includes(":/") || from === "null" ? from : `https://${from}` }),
      ...(cookie && { cookie }),
      ...headers,
    },
    body: JSON.stringify({ write_key: WRITE_KEY, ...body }),
  });
  const response = await app.fetch(request, env);
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, string>,
  };
}

const tokenOf = async (id: string, audience: string, asked: Asked = {}): Promise<string> =>
  (await ask("/token", { audience }, { cookie: `_dfid=${id}`, ...asked })).body.token!;

const refusal = (status: number, code: string) => ({ status, body: { error: { code, message: expect.any(String) } } });
const publishHub = (source: Partial<Source> = {}, given: Partial<Environment> = {}) =>
  publish({ sources: [aSource({ linked_hosts: LINKED, ...source })], ...given });

beforeAll(() => publishHub());

describe("a token", () => {
  it("carries the visitor of the cookie to the host that it was made for, and sets the cookie there", async () => {
    const given = await ask("/token", { audience: BLOG, anonymous_id: BOB }, { cookie: `_ga=x; _dfid=${ALICE}` });
    expect(given.status).toBe(200);
    expect(given.body.token).toMatch(/^[\w.-]{200,600}$/); // nothing of it needs escaping in a URL
    expect(given.headers.get("set-cookie")).toMatch(new RegExp(`^_dfid=${ALICE}; .*SameSite=Lax$`));

    const redeemed = await ask("/redeem", { token: given.body.token }, { from: BLOG, at: BLOG });
    expect(redeemed.body).toEqual({ anonymous_id: ALICE });
    expect(redeemed.headers.get("set-cookie")).toMatch(new RegExp(`^_dfid=${ALICE}; Max-Age=34560000; Path=/; Secure`));
    expect(redeemed.headers.get("access-control-allow-origin")).toBe(`https://${BLOG}`);
    expect(redeemed.headers.get("access-control-allow-credentials")).toBe("true");
    expect(redeemed.headers.get("cache-control")).toBe("no-store");
  });

  it("adopts the page's own id where there is no cookie yet, and makes one where there is neither", async () => {
    const adopted = await ask("/token", { audience: BLOG, anonymous_id: BOB });
    expect(adopted.headers.get("set-cookie")).toContain(`_dfid=${BOB};`);
    const made = await ask("/token", { audience: BLOG }, { cookie: "_dfid=not-an-id" });
    expect(made.headers.get("set-cookie")).toMatch(/^_dfid=[0-9a-f-]{36};/);
    const { body } = await ask("/redeem", { token: made.body.token }, { from: BLOG });
    expect(made.headers.get("set-cookie")).toContain(body.anonymous_id);
  });

  it.each([
    ["the cookie that the browser had", `_dfid=${BOB}`, {}, BOB],
    ["the id that the page used", undefined, { anonymous_id: BOB }, BOB],
    ["the cookie rather than the page's id", `_dfid=${BOB}`, { anonymous_id: ALICE }, BOB],
    ["nobody where it was the same id", `_dfid=${ALICE}`, {}, undefined],
  ])("is answered with who this visitor was before: %s", async (_, cookie, own, previous) => {
    const token = await tokenOf(ALICE, BLOG);
    const { body } = await ask("/redeem", { token, ...own }, { from: BLOG, ...(cookie && { cookie }) });
    expect(body).toEqual({ anonymous_id: ALICE, ...(previous && { previous_id: previous }) });
  });

  it("works once, also when two requests bring it at the same time", async () => {
    const token = await tokenOf(ALICE, BLOG);
    const both = await Promise.all([1, 2].map(() => ask("/redeem", { token }, { from: BLOG })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(both.find(({ status }) => status === 401)).toMatchObject(refusal(401, "token_used"));
    expect(both.find(({ status }) => status === 401)!.headers.get("set-cookie")).toBeNull();
  });

  it("expires after two minutes", async () => {
    const [inTime, late] = [await tokenOf(ALICE, BLOG), await tokenOf(ALICE, BLOG)];
    const now = Date.now();
    const clock = vi.spyOn(Date, "now");
    try {
      clock.mockReturnValue(now + 118_000);
      expect((await ask("/redeem", { token: inTime }, { from: BLOG })).status).toBe(200);
      clock.mockReturnValue(now + 121_000);
      expect(await ask("/redeem", { token: late }, { from: BLOG })).toMatchObject(refusal(401, "token_expired"));
    } finally {
      clock.mockRestore();
    }
  });

  it("is refused on another host than the one it was made for, and still good where it was", async () => {
    const token = await tokenOf(ALICE, BLOG);
    expect(await ask("/redeem", { token }, { from: SHOP })).toMatchObject(refusal(403, "wrong_audience"));
    expect((await ask("/redeem", { token }, { from: BLOG })).status).toBe(200);
  });

  it.each([
    ["no token", () => "x"],
    ["a changed letter", (token: string) => token.slice(0, -9) + (token.at(-9) === "A" ? "B" : "A") + token.slice(-8)],
    ["a part that is missing", (token: string) => token.slice(0, -12)],
    ["an endless text", (token: string) => token.padEnd(5_000, "A")],
  ])("is refused as invalid with %s", async (_, change) => {
    const token = change(await tokenOf(ALICE, BLOG));
    expect(await ask("/redeem", { token }, { from: BLOG })).toMatchObject(refusal(401, "invalid_token"));
  });

  it("is refused as invalid where the same key sealed something else", async () => {
    const soon = Math.floor(Date.now() / 1_000) + 60;
    const token = { dfid: ALICE, from: SHOP, aud: BLOG, env: "env_test", browser: "", iat: soon, exp: soon, jti: "j" };
    const sealed = await seal(env.DOOR_KEY, "write-key", token);
    expect(await ask("/redeem", { token: sealed }, { from: BLOG })).toMatchObject(refusal(401, "invalid_token"));
  });

  it("is refused in another browser", async () => {
    const token = await tokenOf(ALICE, BLOG);
    expect(await ask("/redeem", { token }, { from: BLOG, browser: "Another" })).toMatchObject(
      refusal(401, "invalid_token"),
    );
  });

  it("is refused in another environment", async () => {
    const token = await tokenOf(ALICE, BLOG);
    await publishHub({}, { id: "env_hub_other" });
    try {
      expect(await ask("/redeem", { token }, { from: BLOG })).toMatchObject(refusal(401, "invalid_token"));
    } finally {
      await publishHub();
    }
  });

  it("is made for linked hosts only", async () => {
    expect(await ask("/token", { audience: "evil.example" })).toMatchObject(refusal(403, "wrong_audience"));
    expect(await ask("/token", {})).toMatchObject(refusal(400, "invalid_request"));
    expect(await ask("/token", { audience: BLOG, anonymous_id: "me" })).toMatchObject(refusal(400, "invalid_request"));
  });
});

describe("a page that is not listed", () => {
  it.each([
    ["another host", "evil.example"],
    ["a host that ends like a listed one", "evilshop.example"],
    ["a host below a listed one", `www.${SHOP}`],
    ["another port", `${SHOP}:8080`],
    ["a page that came unencrypted", `http://${SHOP}`],
    ["an extension", `chrome-extension://${SHOP}`],
    ["a sandboxed page", "null"],
    ["nobody", null],
  ])("gets nothing: %s", async (_, from) => {
    const token = await tokenOf(ALICE, SHOP);
    for (const [path, body] of [
      ["/token", { audience: BLOG }],
      ["/redeem", { token }],
      ["/exchange", { token }],
    ] as const) {
      const refused = await ask(path, body, { from, cookie: `_dfid=${ALICE}` });
      expect(refused).toMatchObject(refusal(403, "origin_not_allowed"));
      expect(refused.headers.get("set-cookie")).toBeNull();
    }
  });

  it("gets nothing from a source without linked hosts, nor with an unknown key", async () => {
    expect(await ask("/token", { audience: BLOG, write_key: "wk_hub_unknown" })).toMatchObject({ status: 401 });
    await publishHub({ linked_hosts: [] });
    try {
      expect(await ask("/token", { audience: BLOG })).toMatchObject(refusal(403, "origin_not_allowed"));
      expect((await frame()).status).toBe(403);
    } finally {
      await publishHub();
    }
  });
});

describe("a visitor without cookies", () => {
  it.each([
    ["always", { analytics: true }, 403],
    ["until_consent", undefined, 403],
    ["until_consent", { analytics: false }, 403],
    ["until_consent", "maybe", 403],
    ["until_consent", { analytics: true }, 200],
  ] as const)("of a source that is cookieless %s, having answered %o, gets %i", async (cookieless, consent, status) => {
    await publishHub({ cookieless });
    try {
      const asked = await ask("/token", { audience: BLOG, consent }, { cookie: `_dfid=${ALICE}` });
      expect(asked.status).toBe(status);
      if (status === 403) expect(asked).toMatchObject(refusal(403, "consent_required"));
    } finally {
      await publishHub();
    }
  });

  it("gets their first cookie with an event, which hands over their session, and not with a token", async () => {
    await publishHub({ cookieless: "until_consent" });
    try {
      const asked = await ask("/token", { audience: BLOG, consent: { analytics: true } });
      expect(asked).toMatchObject(refusal(403, "consent_required"));
      expect(asked.headers.get("set-cookie")).toBeNull();
    } finally {
      await publishHub();
    }
  });
});

const frame = (referer?: string, key = WRITE_KEY) =>
  app.fetch(new Request(`https://${HUB}/v1/hub/frame?key=${key}`, { headers: referer ? { referer } : {} }), env);

describe("the hub", () => {
  const exchange = (token: string, cookie?: string) =>
    ask("/exchange", { token }, { from: HUB, at: HUB, ...(cookie && { cookie }) });
  const cookieOf = ({ headers }: { headers: Headers }) => headers.get("set-cookie")!.split(";")[0]!;

  it("remembers the first visitor it is told of, in a cookie that an embedded page gets", async () => {
    const told = await exchange(await tokenOf(ALICE, HUB));
    expect(told.body).toEqual({});
    expect(told.headers.get("set-cookie")).toMatch(
      new RegExp(`^_dfid_hub_[0-9a-f]{8}=${ALICE}; Max-Age=34560000; Path=/v1/hub; Secure; HttpOnly; SameSite=None$`),
    );
  });

  it("answers a later host whom it knows, by a token for that host", async () => {
    const cookie = cookieOf(await exchange(await tokenOf(ALICE, HUB)));
    const told = await exchange(await tokenOf(BOB, HUB, { from: BLOG, at: BLOG }), cookie);
    expect(cookieOf(told)).toBe(cookie);
    const redeemed = await ask("/redeem", { token: told.body.token }, { from: BLOG, at: BLOG, cookie: `_dfid=${BOB}` });
    expect(redeemed.body).toEqual({ anonymous_id: ALICE, previous_id: BOB });
  });

  it("answers nothing to a host that says what it knows", async () => {
    const cookie = cookieOf(await exchange(await tokenOf(ALICE, HUB)));
    expect((await exchange(await tokenOf(ALICE, HUB, { from: BLOG }), cookie)).body).toEqual({});
  });

  it("keeps the visitors of two environments apart", async () => {
    const cookie = cookieOf(await exchange(await tokenOf(ALICE, HUB)));
    await publishHub({}, { id: "env_hub_other" });
    try {
      expect((await exchange(await tokenOf(BOB, HUB), cookie)).body).toEqual({});
    } finally {
      await publishHub();
    }
  });

  it("forgets when a linked page says so, with or without consent", async () => {
    await publishHub({ cookieless: "until_consent" });
    try {
      const { status, headers } = await ask("/forget", {}, { at: HUB });
      expect(status).toBe(200);
      expect(headers.get("set-cookie")).toMatch(/^_dfid_hub_[0-9a-f]{8}=; Max-Age=0; Path=\/v1\/hub; Secure; /);
      expect(await ask("/forget", {}, { from: "evil.example" })).toMatchObject(refusal(403, "origin_not_allowed"));
    } finally {
      await publishHub();
    }
  });

  it("takes no token that was made for another host", async () => {
    expect(await exchange(await tokenOf(ALICE, BLOG))).toMatchObject(refusal(403, "wrong_audience"));
  });

  it("serves a frame that linked hosts may embed and that can talk to nobody else", async () => {
    const response = await frame(`https://${SHOP}/`);
    expect(response.status).toBe(200);
    const policy = response.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'; script-src 'sha256-");
    expect(policy).toContain(`frame-ancestors ${SHOP} ${BLOG} ${HUB}`);
    const html = await response.text();
    expect(html).toContain(`data-linked="${SHOP} ${BLOG} ${HUB}"`);
    expect(html).not.toContain(WRITE_KEY);
  });

  it.each([["https://evil.example/"], [`http://${SHOP}/`], ["about:client"]])(
    "serves no frame to %s",
    async (referer) => {
      const response = await frame(referer);
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ error: { code: "origin_not_allowed" } });
    },
  );

  it("serves no frame for an unknown key", async () => {
    expect((await frame(`https://${SHOP}/`, "wk_hub_unknown")).status).toBe(401);
  });
});
