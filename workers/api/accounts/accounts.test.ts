import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { anOwner, Browser, linkIn, mailTo, PASSWORD, signedUp } from "../../../test/a-person.ts";

vi.spyOn(console, "log").mockImplementation(() => {});

it("signs a person up, in and out; the cookie is for this host's servers alone and lasts 30 days", async () => {
  const browser = new Browser();
  const email = "ann@accounts.example";
  const up = await browser.ask("POST", "/api/auth/sign-up/email", { email, password: PASSWORD, name: "Ann" });
  expect([up.status, up.headers.getSetCookie()]).toEqual([200, []]);
  const signedIn = await browser.ask("POST", "/api/auth/sign-in/email", { email, password: PASSWORD });
  expect(signedIn.status).toBe(200);
  const cookie = signedIn.headers.getSetCookie().find((one) => one.includes("session_token"))!;
  for (const attribute of ["__Secure-", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=2592000"])
    expect(cookie).toContain(attribute);
  expect((await browser.ask("GET", "/api/v1/me")).body.user).toMatchObject({ email, email_verified: false });
  const before = browser.cookie;
  expect((await browser.ask("POST", "/api/auth/sign-out", {})).status).toBe(200);
  browser.cookie = before;
  expect((await browser.ask("GET", "/api/v1/me")).status).toBe(401);
});

it("creates an organisation with three environments, whose admin is who asked", async () => {
  const { browser, organisation_id } = await anOwner("owner@accounts.example");
  const { body } = await browser.ask("GET", "/api/v1/me");
  expect(body.organisations).toMatchObject([
    { id: organisation_id, role: "admin", environments: [{ name: "dev" }, { name: "staging" }, { name: "prod" }] },
  ]);
  expect(body.permissions).toContain("sources:write");
  expect(body.permissions).not.toContain("platform:write");
  const { id } = body.organisations[0].environments[2];
  expect((await browser.ask("GET", `/api/v1/pipelines?environment_id=${id}`)).status).toBe(200);
});

it("verifies an address by the link in the mail, and asks for it after seven days", async () => {
  const email = "late@accounts.example";
  const browser = await signedUp(email);
  await env.DB.prepare("UPDATE users SET created_at = created_at - 8 * 86400000 WHERE email = ?").bind(email).run();
  expect(await browser.ask("GET", "/api/v1/me")).toMatchObject({
    status: 403,
    body: { error: { code: "email_not_verified" } },
  });
  await browser.ask("GET", linkIn((await mailTo(email))!));
  expect((await browser.ask("GET", "/api/v1/me")).body.user.email_verified).toBe(true);
});

it("lets a person choose a new password by mail, and ends every session", async () => {
  const email = "forgot@accounts.example";
  const browser = await signedUp(email);
  await browser.ask("POST", "/api/auth/request-password-reset", { email, redirectTo: "/reset" });
  const token = linkIn((await mailTo(email))!).match(/reset-password\/([^?]+)/)![1];
  const weak = await browser.ask("POST", "/api/auth/reset-password", { newPassword: "no numbers", token });
  expect(weak.status).toBe(400);
  const reset = await browser.ask("POST", "/api/auth/reset-password", { newPassword: "another horse 8", token });
  expect(reset.status).toBe(200);
  expect((await browser.ask("GET", "/api/v1/me")).status).toBe(401);
  const again = await browser.ask("POST", "/api/auth/sign-in/email", { email, password: "another horse 8" });
  expect(again.status).toBe(200);
});

it.each(["short 1", "long enough without"])("refuses the password %o", async (password) => {
  const sent = { email: "weak@accounts.example", password, name: "Ann" };
  expect((await new Browser().ask("POST", "/api/auth/sign-up/email", sent)).status).toBe(400);
});

it("stores a password as scrypt with a salt, of 16 MiB and more", async () => {
  await signedUp("hash@accounts.example");
  const row = await env.DB.prepare(
    "SELECT password FROM accounts JOIN users ON users.id = user_id WHERE email = 'hash@accounts.example'",
  ).first<{ password: string }>();
  expect(row!.password).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/);
});

it("takes five tries in a quarter of an hour, also where the sixth is right", async () => {
  const email = "tried@accounts.example";
  await signedUp(email);
  const browser = new Browser();
  const attempt = (password: string) => browser.ask("POST", "/api/auth/sign-in/email", { email, password });
  for (let n = 0; n < 5; n++) expect((await attempt("wrong 1")).status).toBe(401);
  const sixth = await attempt(PASSWORD);
  expect(sixth).toMatchObject({ status: 429, body: { error: { code: "too_many_requests" } } });
  expect(Number(sixth.headers.get("retry-after"))).toBeGreaterThan(800);
  await env.DB.exec("UPDATE sign_in_attempts SET since = since - 901000");
  expect((await attempt(PASSWORD)).status).toBe(200);
});

it("asks for proof of a human after three failures, and takes what Turnstile confirms", async () => {
  const email = "robot@accounts.example";
  await signedUp(email);
  const browser = new Browser();
  browser.bindings = { ...env, TURNSTILE_SECRET: "s", TURNSTILE_URL: "https://turnstile.example/verify" };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) =>
    Response.json({ success: JSON.parse(init!.body as string).response === "human" }),
  );
  const attempt = (password: string, proof?: string) =>
    browser.ask("POST", "/api/auth/sign-in/email", { email, password }, proof ? { "x-captcha-response": proof } : {});
  for (let n = 0; n < 3; n++) expect((await attempt("wrong 1")).status).toBe(401);
  expect((await attempt(PASSWORD)).body).toMatchObject({ error: { code: "captcha_required" } });
  expect((await attempt(PASSWORD, "human")).status).toBe(200);
  vi.mocked(globalThis.fetch).mockRestore();
});
