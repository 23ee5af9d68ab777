import { env } from "cloudflare:workers";
import { beforeAll, expect, it, vi } from "vitest";
import { anOwner, Browser, mailTo, type Owner, PASSWORD, signedUp } from "../../../test/a-person.ts";

let ann: Owner;
let bob: Owner;
beforeAll(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  ann = await anOwner("ann@bad-input.example");
  bob = await anOwner("bob@bad-input.example");
}, 60_000);

it.each([
  ["query", () => ann.browser.ask("GET", `/api/v1/status?environment_id=${bob.environment_id}`)],
  [
    "second of a query",
    () =>
      ann.browser.ask(
        "GET",
        `/api/v1/status?environment_id=${ann.environment_id}&environment_id=${bob.environment_id}`,
      ),
  ],
  ["path", () => ann.browser.ask("GET", `/api/v1/environments/${bob.environment_id}/shards`)],
  [
    "header",
    () =>
      ann.browser.ask("GET", `/api/v1/status?environment_id=${ann.environment_id}`, undefined, {
        "x-environment-id": bob.environment_id,
      }),
  ],
  [
    "body",
    () =>
      ann.browser.ask("POST", "/api/v1/tokens", {
        name: "x",
        scopes: ["status:read"],
        organisation_id: bob.organisation_id,
      }),
  ],
])("answers 404 for another organisation's id in a %s", async (_, ask) => {
  expect((await ask()).status).toBe(404);
});

it("takes no field that is not a person's to set", async () => {
  const email = "assign@bad-input.example";
  const sent = { email, password: PASSWORD, name: "Eve", emailVerified: true, id: "use_me", twoFactorEnabled: true };
  await new Browser().ask("POST", "/api/auth/sign-up/email", sent);
  const row = await env.DB.prepare("SELECT * FROM users WHERE email = ?").bind(email).first();
  expect(row?.email_verified ?? 0).toBe(0);
  expect(row?.id).not.toBe("use_me");
  const named = { name: "Shop", id: "org_mine", role: "admin" };
  expect((await ann.browser.ask("POST", "/api/v1/organisations", named)).status).toBe(400);
});

it("takes SQL for text", async () => {
  const id = encodeURIComponent("x' OR '1'='1");
  expect((await ann.browser.ask("GET", `/api/v1/status?environment_id=${id}`)).status).toBe(404);
  expect((await ann.browser.ask("GET", `/api/v1/pipelines/${id}`)).status).toBe(404);
  const email = "x'--@bad-input.example";
  expect((await new Browser().ask("POST", "/api/auth/sign-in/email", { email, password: PASSWORD })).status).not.toBe(
    200,
  );
});

it("lets no name or address begin a mail's next header", async () => {
  const sent = { email: "crlf@bad-input.example", password: PASSWORD, name: "Eve\r\nBcc: all@example.com" };
  expect((await new Browser().ask("POST", "/api/auth/sign-up/email", sent)).status).toBeGreaterThanOrEqual(400);
  const { body } = await ann.browser.ask("POST", "/api/v1/organisations", { name: "Shop\r\nBcc: all@example.com" });
  await ann.browser.ask("POST", `/api/v1/organisations/${body.id}/invitations`, {
    email: "guest@bad-input.example",
    role: "viewer",
  });
  expect((await mailTo("guest@bad-input.example"))!.subject).not.toMatch(/[\r\n]/);
});

it.each(["https://evil.example", "null", ""])("answers no change with a cookie from the origin %o", async (origin) => {
  const asked = await ann.browser.ask("POST", "/api/v1/organisations", { name: "Shop" }, { origin });
  expect(asked).toMatchObject({ status: 403, body: { error: { code: "origin_not_allowed" } } });
});

it("opens no WebSocket with a cookie for another site's page", async () => {
  const headers = { origin: "https://evil.example", upgrade: "websocket" };
  expect(
    (await ann.browser.ask("GET", `/api/v1/live?environment_id=${ann.environment_id}`, undefined, headers)).status,
  ).toBe(403);
});

it("takes no session that was fixed before: signing in makes a new one", async () => {
  const browser = new Browser();
  browser.cookie = "__Secure-millrace.session_token=chosen.by-somebody";
  expect((await browser.ask("GET", "/api/v1/me")).status).toBe(401);
  await browser.ask("POST", "/api/auth/sign-in/email", { email: "ann@bad-input.example", password: PASSWORD });
  expect(browser.cookie).not.toContain("chosen");
});

it("redirects to no other site", async () => {
  const sent = { email: "ann@bad-input.example", redirectTo: "https://evil.example" };
  expect((await new Browser().ask("POST", "/api/auth/request-password-reset", sent)).status).toBe(403);
});

it("does not tell who has an account: signing up, signing in and asking for a new password answer alike", async () => {
  const about = async (email: string) => {
    const up = await new Browser().ask("POST", "/api/auth/sign-up/email", { email, password: PASSWORD, name: "Ann" });
    const signIn = await new Browser().ask("POST", "/api/auth/sign-in/email", { email, password: "wrong 1 horse" });
    const reset = await new Browser().ask("POST", "/api/auth/request-password-reset", { email });
    return [up.status, Object.keys(up.body.user), signIn.status, signIn.body, reset.status, reset.body];
  };
  expect(await about("ann@bad-input.example")).toEqual(await about("unknown@bad-input.example"));
});

it("gives nobody more than who gives has: not by a role, an invitation or a key", async () => {
  const path = `/api/v1/organisations/${ann.organisation_id}`;
  await ann.browser.ask("PUT", `${path}/roles/helper`, {
    permissions: ["members:read", "members:write", "roles:write"],
  });
  const helper = await signedUp("helper@bad-input.example");
  await ann.browser.ask("POST", `${path}/invitations`, { email: "helper@bad-input.example", role: "helper" });
  const token = /invitations\/(\S+)/.exec((await mailTo("helper@bad-input.example"))!.text)![1];
  expect((await bob.browser.ask("POST", "/api/v1/invitations/accept", { token })).status).toBe(404);
  expect((await helper.ask("POST", "/api/v1/invitations/accept", { token })).status).toBe(200);
  const { user } = (await helper.ask("GET", "/api/v1/me")).body;
  for (const asked of [
    helper.ask("PATCH", `${path}/members/${user.id}`, { role: "admin" }),
    helper.ask("PUT", `${path}/roles/helper`, { permissions: ["pii:reveal"] }),
    helper.ask("POST", `${path}/invitations`, { email: "x@bad-input.example", role: "admin" }),
    helper.ask("POST", "/api/v1/tokens", { name: "x", scopes: ["pii:reveal"] }),
  ])
    expect((await asked).status).toBe(403);
});

it("opens with a key what its scopes say, through a rotation's grace, until it is revoked", async () => {
  const of = `?organisation_id=${ann.organisation_id}`;
  const made = (await ann.browser.ask("POST", `/api/v1/api-keys${of}`, { name: "CI", scopes: ["pipelines:read"] }))
    .body;
  const use = (token: string, path = "/api/v1/pipelines") =>
    new Browser().ask("GET", `${path}?environment_id=${ann.environment_id}`, undefined, {
      authorization: `Bearer ${token}`,
    });
  expect([(await use(made.token)).status, (await use(made.token, "/api/v1/status")).status]).toEqual([200, 403]);
  const rotated = (await ann.browser.ask("POST", `/api/v1/api-keys/${made.id}/rotate${of}`, { grace_s: 60 })).body;
  expect([(await use(made.token)).status, (await use(rotated.token)).status]).toEqual([200, 200]);
  const { keys } = (await ann.browser.ask("GET", `/api/v1/api-keys${of}`)).body;
  expect(keys[0].last_used_at).not.toBeNull();
  expect(JSON.stringify(keys)).not.toContain("hash");
  await ann.browser.ask("DELETE", `/api/v1/api-keys/${made.id}${of}`);
  expect([(await use(made.token)).status, (await use(rotated.token)).status]).toEqual([401, 401]);
});
