import { describe, expect, it } from "vitest";
import { PROVIDERS, type ProviderName } from "./oauth-providers.ts";
import { assertionRequest, authoriseUrl, codeRequest, readGrant, refreshRequest } from "./oauth2.ts";

const asked = {
  scopes: ["a", "b"],
  redirect_uri: "https://d.example/api/v1/oauth/callback",
  state: "s",
  challenge: "c",
};
const client = (provider: ProviderName) => ({ provider, client_id: "id", client_secret: "se:cret" });

describe.each(Object.keys(PROVIDERS) as ProviderName[])("%s", (provider) => {
  it("is asked over https, for a code, with state", () => {
    const url = new URL(authoriseUrl(client(provider), asked));
    expect(url.protocol).toBe("https:");
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: "code",
      client_id: "id",
      redirect_uri: asked.redirect_uri,
      state: "s",
    });
    expect(url.searchParams.get("scope")!.split(/[ ,]/)).toEqual(["a", "b"]);
    expect(url.searchParams.get("code_challenge")).toBe(PROVIDERS[provider].pkce ? "c" : null);
    expect(url.href).not.toContain("cret");
  });

  it("gets the client's secret in one place, never in the address", () => {
    for (const request of [
      codeRequest(client(provider), { code: "x", redirect_uri: asked.redirect_uri, verifier: "v" }),
      refreshRequest(client(provider), "r"),
    ]) {
      const inBody = new URLSearchParams(request.body).get("client_secret") === "se:cret";
      const inHeader = request.headers.authorization === `Basic ${btoa("id:se%3Acret")}`;
      expect([inBody, inHeader].filter(Boolean)).toHaveLength(1);
      expect(request.url).not.toContain("cret");
    }
  });

  it("is shown the verifier exactly where it saw the challenge", () => {
    const { body } = codeRequest(client(provider), { code: "x", redirect_uri: "https://d.example/", verifier: "v" });
    expect(new URLSearchParams(body).get("code_verifier")).toBe(PROVIDERS[provider].pkce ? "v" : null);
  });
});

it("exchanges an assertion", () => {
  const { body } = assertionRequest("https://oauth2.googleapis.com/token", "a.b.c");
  expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: "a.b.c",
  });
});

describe("an answer", () => {
  const json = { access_token: "t2", expires_in: 1_800, token_type: "bearer" };
  const before = { access_token: "t1", refresh_token: "r1", expires_at: 0, scope: "a" };

  it("grants a token until it expires, and keeps the refresh token that was not replaced", () => {
    const kept = { access_token: "t2", refresh_token: "r1", expires_at: 1_801_000, scope: "a" };
    expect(readGrant({ status: 200, json }, 1_000, before)).toEqual({ ok: true, grant: kept });
    const replaced = readGrant({ status: 200, json: { ...json, refresh_token: "r2" } }, 1_000, before);
    expect(replaced).toMatchObject({ grant: { refresh_token: "r2" } });
  });

  it.each([
    ["a revoked grant", 400, { error: "invalid_grant", error_description: "Token has been revoked." }, true],
    ["a wrong secret", 401, { error: "invalid_client" }, true],
    ["HubSpot's own form", 400, { status: "BAD_REFRESH_TOKEN", message: "missing or unknown refresh token" }, true],
    ["a server in trouble", 503, undefined, false],
    ["too many requests", 429, { error: "slow_down" }, false],
    ["a success without a token", 200, { ok: true }, false],
  ])("of %s refuses, and says whether a person must act", (_, status, answer, revoked) => {
    const reading = readGrant({ status, json: answer }, 0, before);
    expect(reading).toMatchObject({ ok: false, revoked });
    expect(JSON.stringify(reading)).toContain(
      answer ? (Object.values(answer)[0] === true ? "200" : String(Object.values(answer)[0])) : "503",
    );
  });
});
