// https://developers.google.com/identity/protocols/oauth2/service-account#httprest
import { importSPKI, jwtVerify } from "jose";
import type { Vendor } from "./vendor.ts";

export const GOOGLE_TOKEN_HOSTS = ["oauth2.googleapis.com"];
const TOKEN_URL = "https://oauth2.googleapis.com/token";

/** Service accounts by their address, with the public half of their key (PEM). */
export const serviceAccounts = new Map<string, string>();
/** Refresh tokens that are good. */
export const refreshTokens = new Set<string>();
/** Every access token that was handed out and not taken back, with its scope. */
export const accessTokens = new Map<string, string>();

let issued = 0;

function issue(scope: string): object {
  const access_token = `ya29.sink-token-number-${++issued}`;
  accessTokens.set(access_token, scope);
  return { access_token, expires_in: 3_599, token_type: "Bearer" };
}

const refused = (status: number, error: string, error_description: string) => ({
  answer: { status, body: { error, error_description } },
  events: [],
});

/** Google's token endpoint: assertions of service accounts, whose signatures it checks, and refresh tokens. */
export const googleOAuth: Vendor = {
  name: "google-oauth",
  dedupWindowMs: 0,

  async authorise({ body, now }) {
    const assertion = new URLSearchParams(body.toString()).get("assertion");
    if (!assertion) return undefined;
    const no = (error: string, why: string) => refused(400, error, why).answer;
    try {
      const { iss } = JSON.parse(Buffer.from(assertion.split(".")[1] ?? "", "base64url").toString()) as { iss: string };
      const pem = serviceAccounts.get(iss);
      if (!pem) return no("invalid_grant", "Invalid grant: account not found");
      const { payload } = await jwtVerify(assertion, await importSPKI(pem, "RS256"), {
        algorithms: ["RS256"],
        audience: TOKEN_URL,
        currentDate: new Date(now),
      });
      const { iat = 0, exp = 0, scope } = payload;
      if (exp - iat > 3_600) return no("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)");
      if (typeof scope !== "string") return no("invalid_scope", "Invalid OAuth scope or ID token audience provided.");
      return { status: 200, body: issue(scope) };
    } catch (error) {
      return no("invalid_grant", `Invalid JWT Signature. (${error})`);
    }
  },

  receive({ body, method }) {
    if (method !== "POST") return refused(405, "invalid_request", "POST only");
    const form = new URLSearchParams(body.toString());
    if (form.get("grant_type") !== "refresh_token") return refused(400, "unsupported_grant_type", "Invalid grant_type");
    if (!form.get("client_id") || !form.get("client_secret")) return refused(401, "invalid_client", "Unauthorized");
    if (!refreshTokens.has(form.get("refresh_token") ?? ""))
      return refused(400, "invalid_grant", "Token has been expired or revoked.");
    return { answer: { status: 200, body: issue("refreshed") }, events: [] };
  },

  partial: (verdict) => verdict,
  fault: (fault) =>
    fault === "error-in-200" ? undefined : { status: Number(fault), body: { error: "internal_failure" } },
};

/** For the APIs behind it: what they answer to a token that nobody handed out. */
export function unauthenticated(headers: Record<string, string>) {
  if (accessTokens.has(headers.authorization?.replace(/^Bearer /, "") ?? "")) return undefined;
  const message = "Request had invalid authentication credentials.";
  const error = { code: 401, message, status: "UNAUTHENTICATED", errors: [{ reason: "authError", message }] };
  return { status: 401, body: { error } };
}
