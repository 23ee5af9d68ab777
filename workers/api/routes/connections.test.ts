import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { keyId, openCredentials } from "../../../core/credentials.ts";
import { challengeOf } from "../../../core/pkce.ts";
import { rotateCredentials } from "../../../db/rotate-credentials.ts";
import * as schema from "../../../db/schema.ts";
import { type Exchanged, TokenKeeper } from "../../../durable-objects/token-keeper.ts";
import { aBatch, aDeliveryEnv, aMessage, anItem } from "../../../test/a-delivery.ts";
import { vendorNetwork } from "../../../test/a-vendor-network.ts";
import { refreshTokens } from "../../../test/vendor-sink/google-oauth.ts";
import { forgetConfiguration, readSecrets } from "../../config.ts";
import { forgetTokens } from "../../delivery/credentials-for.ts";
import { deliver } from "../../delivery/deliver.ts";

const HOST = "https://api.example";
const SECRET = "client-secret-nobody-sees";
const admin = { authorization: "Bearer test-admin-token" };

const api = (path: string, init: RequestInit = {}) =>
  exports.default.fetch(`${HOST}/api/v1/${path}`, { headers: admin, redirect: "manual", ...init });
// biome-ignore lint/suspicious/noExplicitAny: what the API answers is looked at by each test.
const json = async (response: Response | Promise<Response>): Promise<any> => (await response).json();

const integration = (id: string, more: object = {}) => ({
  id,
  name: id,
  destination: "google_ads",
  settings: {
    customer_id: "123-456-7890",
    conversion_actions: { "Signed Up": "987" },
    client_id: "app.apps.googleusercontent.com",
    client_secret: SECRET,
    ...more,
  },
});

const IDS = ["connect", "code", "refresh", "revoked", "refused", "late", "rotate", "outage"].map(
  (name) => `int_oauth_${name}`,
);

beforeAll(async () => {
  const answer = await api("environments/env_oauth", {
    method: "PATCH",
    body: JSON.stringify({
      organisation: { id: "org_oauth", name: "OAuth" },
      name: "prod",
      sources: [],
      integrations: [
        ...IDS.map((id) => integration(id)),
        {
          id: "int_oauth_hook",
          name: "hook",
          destination: "webhook",
          settings: { url: "https://hooks.example.com/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
        },
      ],
    }),
  });
  expect(answer.status).toBe(200);
});
beforeEach(() => {
  forgetConfiguration();
  forgetTokens();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const gateOf = (id: string) => env.INTEGRATION_GATE.getByName(id);
let count = 0;

/** Begins the consent and brings the code back, as a browser would. `expires_in` is that of the token then granted. */
async function connect(id: string, expires_in = 3_600): Promise<{ refresh: string }> {
  const refresh = `1//refresh-${++count}-token`;
  refreshTokens.add(refresh);
  const { authorise_url } = await json(api(`integrations/${id}/connect`));
  const state = new URL(authorise_url).searchParams.get("state")!;
  vendorNetwork(() => Response.json({ access_token: `ya29.first-${count}-token`, refresh_token: refresh, expires_in }));
  const answer = await exports.default.fetch(
    `${HOST}/api/v1/oauth/callback?${new URLSearchParams({ state, code: "c" })}`,
  );
  expect(await answer.text()).toContain("Connected");
  vi.restoreAllMocks();
  return { refresh };
}

/** One event to the vendor. */
async function send(id: string) {
  const given = aDeliveryEnv();
  const payload = {
    conversion_action: "987",
    event: {
      eventTimestamp: "2026-11-20T10:00:00.000Z",
      transactionId: "m1",
      eventSource: "WEB",
      adIdentifiers: { gclid: "Cj0" },
    },
  };
  const first_queued_at = new Date().toISOString();
  const body = {
    v: 1 as const,
    environment_id: "env_oauth",
    integration_id: id,
    attempt: 1,
    first_queued_at,
    items: [anItem({ payload })],
  };
  await deliver(aBatch([aMessage(body)]), given.env);
  return given;
}

describe("connecting", () => {
  it("sends a person to the provider, with a challenge and a state that nobody can guess", async () => {
    const { authorise_url, redirect_uri } = await json(api("integrations/int_oauth_connect/connect"));
    expect(redirect_uri).toBe(`${HOST}/api/v1/oauth/callback`);
    const { searchParams, origin } = new URL(authorise_url);
    expect(origin).toBe("https://accounts.google.com");
    expect(Object.fromEntries(searchParams)).toMatchObject({
      client_id: "app.apps.googleusercontent.com",
      redirect_uri,
      access_type: "offline",
      code_challenge_method: "S256",
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^int_oauth_connect\.[\w-]{43}$/),
      scope: "https://www.googleapis.com/auth/datamanager",
    });
    expect(authorise_url).not.toContain(SECRET);
    const again = await json(api("integrations/int_oauth_connect/connect"));
    expect(again.authorise_url).not.toBe(authorise_url);
  });

  it("exchanges the code once, shows the verifier of the challenge, and tells nothing of the tokens", async () => {
    expect(await json(api("integrations/int_oauth_code/connection"))).toEqual({
      provider: "google",
      state: "not_connected",
    });
    const { authorise_url } = await json(api("integrations/int_oauth_code/connect"));
    const { state, code_challenge } = Object.fromEntries(new URL(authorise_url).searchParams);
    const calls = vendorNetwork(() =>
      Response.json({
        access_token: "ya29.hidden-token",
        refresh_token: "1//hidden-token",
        expires_in: 3_600,
        scope: "s",
      }),
    );
    const callback = `${HOST}/api/v1/oauth/callback?${new URLSearchParams({ state: state!, code: "the-code" })}`;
    const done = await exports.default.fetch(callback);
    expect([done.status, await done.text()]).toEqual([200, expect.not.stringContaining("hidden")]);
    const form = Object.fromEntries(new URLSearchParams(calls[0]!.body));
    expect(form).toMatchObject({ grant_type: "authorization_code", code: "the-code", client_secret: SECRET });
    expect(challengeOf(form.code_verifier!)).toBe(code_challenge);

    const connection = await json(api("integrations/int_oauth_code/connection"));
    expect(connection).toMatchObject({ state: "connected", refreshable: true, scope: "s" });
    expect(JSON.stringify(connection)).not.toContain("hidden");
    const replayed = await exports.default.fetch(callback);
    expect([replayed.status, calls.length]).toEqual([403, 1]);
    await runInDurableObject(gateOf("int_oauth_code"), (_, { storage }) => {
      expect(JSON.stringify(storage.sql.exec("SELECT * FROM grants").toArray())).not.toMatch(/hidden|refresh_token/);
      expect(storage.sql.exec("SELECT * FROM consents").toArray()).toEqual([]);
    });

    expect(await json(api("integrations/int_oauth_code/connection", { method: "DELETE" }))).toEqual({
      state: "not_connected",
    });
    expect(await json(api("integrations/int_oauth_code/connection"))).toMatchObject({ state: "not_connected" });
  });

  it.each([
    ["without a state", "code=c", 400],
    ["with a state that was not given out", "code=c&state=int_oauth_connect.guessed", 403],
    ["for an integration that is not there", "code=c&state=int_nowhere.x", 404],
    ["where the person said no", "error=access_denied&state=int_oauth_connect.x", 403],
  ])("is refused %s, and nobody is asked", async (_, query, status) => {
    const calls = vendorNetwork();
    const answer = await exports.default.fetch(`${HOST}/api/v1/oauth/callback?${query}`);
    expect([answer.status, calls]).toEqual([status, []]);
  });

  it("is refused after a quarter of an hour", async () => {
    const { authorise_url } = await json(api("integrations/int_oauth_late/connect"));
    const state = new URL(authorise_url).searchParams.get("state")!;
    const calls = vendorNetwork();
    await runInDurableObject(gateOf("int_oauth_late"), (_, { storage }) => {
      storage.sql.exec("UPDATE consents SET until = ?", Date.now() - 1);
    });
    const answer = await exports.default.fetch(
      `${HOST}/api/v1/oauth/callback?${new URLSearchParams({ state, code: "c" })}`,
    );
    expect([answer.status, calls]).toEqual([403, []]);
  });

  it("needs the admin token to begin, and a destination that is connected so", async () => {
    expect((await exports.default.fetch(`${HOST}/api/v1/integrations/int_oauth_connect/connect`)).status).toBe(401);
    expect((await api("integrations/int_oauth_hook/connect")).status).toBe(409);
    expect((await api("integrations/int_nowhere/connect")).status).toBe(404);
  });
});

describe("a token", () => {
  const tokenCalls = (calls: ReturnType<typeof vendorNetwork>) =>
    calls.filter(({ url }) => url.includes("oauth2.googleapis.com"));

  it("that has nearly expired is refreshed once, however many ask at the same moment", async () => {
    await connect("int_oauth_refresh", 30);
    const calls = vendorNetwork();
    const gate = gateOf("int_oauth_refresh");
    const authentication: Exchanged = {
      scheme: "oauth2",
      provider: "google",
      scopes: [],
      client_id: "app",
      client_secret: SECRET,
    };
    const ask = () => gate.token(authentication, "int_oauth_refresh");
    const [tokens, { sent }] = await Promise.all([
      Promise.all(Array.from({ length: 20 }, ask)),
      send("int_oauth_refresh"),
    ]);
    expect(new Set(tokens.map((one) => one.ok && one.token)).size).toBe(1);
    expect(sent).toEqual([]);
    expect(tokenCalls(calls)).toHaveLength(1);
    expect(await ask()).toEqual(tokens[0]);
    expect(tokenCalls(calls)).toHaveLength(1);
  });

  it("that was revoked pauses the integration with a reason that names it; the events wait, and go on when connected again", async () => {
    const { refresh } = await connect("int_oauth_revoked", 30);
    refreshTokens.delete(refresh);
    const calls = vendorNetwork();
    const { sent, live } = await send("int_oauth_revoked");
    expect(sent).toMatchObject([{ delaySeconds: 300, body: { items: [{}] } }]);
    const stats = await gateOf("int_oauth_revoked").stats();
    expect(stats).toMatchObject({
      state: "unauthorised",
      reason: expect.stringMatching(/google did not refresh the token, connect again.*expired or revoked/),
    });
    expect(JSON.stringify([stats, sent, live])).not.toContain(refresh);
    await send("int_oauth_revoked");
    expect(tokenCalls(calls)).toHaveLength(1);

    vi.restoreAllMocks();
    await connect("int_oauth_revoked", 30);
    vendorNetwork();
    expect((await send("int_oauth_revoked")).sent).toEqual([]);
  });

  it("that the vendor does not take is replaced, and the request made again", async () => {
    await connect("int_oauth_refused");
    const calls = vendorNetwork();
    expect((await send("int_oauth_refused")).sent).toEqual([]);
    expect(calls.map(({ status }) => status)).toEqual([401, 200, 200]);
  });

  it("that cannot be had for the moment is asked for again later", async () => {
    await connect("int_oauth_outage", 30);
    vendorNetwork((call) => (call.url.hostname.startsWith("oauth2") ? 503 : undefined));
    expect((await send("int_oauth_outage")).sent).toMatchObject([{ body: { attempt: 2 } }]);
    expect(await gateOf("int_oauth_outage").stats()).toMatchObject({ state: "open_for_business" });
  });
});

describe("a new credentials key", () => {
  it("takes over everything that is sealed while events are delivered, and then stands alone", async () => {
    await connect("int_oauth_rotate");
    const old = env.CREDENTIALS_KEY;
    const fresh = btoa("a fresh key of exactly 32 bytes!");
    const db = drizzle(env.DB, { schema });
    const both = `${fresh} ${old}`;
    const result = await rotateCredentials(db, env.CONFIG, env.INTEGRATION_GATE, both);
    // Other tests seal with keys of their own.
    const unreadable = (of: { unreadable: string[] }) => of.unreadable.filter((id) => IDS.includes(id));
    expect([result.key_id, unreadable(result)]).toEqual([keyId(fresh), []]);
    expect(result.resealed).toBeGreaterThanOrEqual(IDS.length);
    forgetConfiguration();
    const { sealed } = (await readSecrets(env.CONFIG, "int_oauth_rotate"))!;
    expect(sealed).toContain(keyId(fresh));
    expect(await openCredentials(fresh, "int_oauth_rotate", sealed)).toEqual({ client_secret: SECRET });
    await expect(openCredentials(old, "int_oauth_rotate", sealed)).rejects.toThrow(keyId(fresh));

    await runInDurableObject(gateOf("int_oauth_rotate"), async (_, { storage }) => {
      // A gate whose Worker holds both keys, and then one that holds the new one alone.
      const id = "int_oauth_rotate";
      expect(await new TokenKeeper(storage.sql, { CREDENTIALS_KEY: both }).reseal(id)).toBe(true);
      expect(await new TokenKeeper(storage.sql, { CREDENTIALS_KEY: fresh }).connection(id)).toMatchObject({
        state: "connected",
      });
      await expect(new TokenKeeper(storage.sql, { CREDENTIALS_KEY: old }).connection(id)).rejects.toThrow(keyId(fresh));
      expect(await new TokenKeeper(storage.sql, { CREDENTIALS_KEY: `${old} ${fresh}` }).reseal(id)).toBe(true);
    });

    // And back, by the API, so that the other tests find what they know.
    const back = await rotateCredentials(db, env.CONFIG, env.INTEGRATION_GATE, `${old} ${fresh}`);
    expect(back.resealed).toBe(result.resealed);
    const again = await json(api("credentials/rotate", { method: "POST", body: "{}" }));
    expect([again.resealed, unreadable(again as { unreadable: string[] })]).toEqual([0, []]);
  });

  it("names what none of the keys opens, and seals the rest", async () => {
    const stranger = btoa("a key that never sealed a thing!");
    const result = await rotateCredentials(drizzle(env.DB, { schema }), env.CONFIG, env.INTEGRATION_GATE, stranger);
    expect(result.unreadable).toEqual(expect.arrayContaining(IDS));
    expect(result.resealed).toBe(0);
  });
});

it("shows no credential in anything that the API answers", async () => {
  await connect("int_oauth_connect");
  const paths = [
    "status?environment_id=env_oauth",
    "integrations/int_oauth_connect/connect",
    "integrations/int_oauth_connect/connection",
    "dead-letters?environment_id=env_oauth",
  ];
  const answers = await Promise.all(paths.map(async (path) => (await api(path)).text()));
  expect(answers.join("\n")).not.toMatch(new RegExp(`${SECRET}|ya29|1//refresh`));
});
