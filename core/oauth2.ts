/**
 * OAuth 2.0 as requests and readings, without a network: the authorisation address, the token requests (RFC 6749 §4.1, §6; RFC 7523
 * for service accounts), and what an answer of a token endpoint says.
 */
import { PROVIDERS, type Provider, type ProviderName } from "./oauth-providers.ts";
import { number, record, text } from "./values.ts";

export interface OAuthClient {
  provider: ProviderName;
  client_id: string;
  client_secret: string;
}

/** What a provider granted. Holds secrets: at rest it is sealed. */
export interface Grant {
  access_token: string;
  /** Absent for service accounts, which need none. */
  refresh_token?: string;
  /** Epoch milliseconds. */
  expires_at: number;
  scope?: string;
}

/** As `VendorRequest` of delivery. */
export interface TokenRequest {
  url: string;
  method: "POST";
  headers: Record<string, string>;
  body: string;
}

export type GrantReading =
  | { ok: true; grant: Grant }
  /** `revoked`: only a person can mend that. Otherwise it may be tried again. */
  | { ok: false; revoked: boolean; reason: string };

/** Where a person is sent to say yes. `challenge` is that of the verifier which `codeRequest` then shows. */
export function authoriseUrl(
  { provider, client_id }: Pick<OAuthClient, "provider" | "client_id">,
  {
    scopes,
    redirect_uri,
    state,
    challenge,
  }: { scopes: string[]; redirect_uri: string; state: string; challenge: string },
): string {
  const { authorise_url, authorise_parameters, separator, pkce }: Provider = PROVIDERS[provider];
  const query = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri,
    scope: scopes.join(separator),
    state,
    ...(pkce && { code_challenge: challenge, code_challenge_method: "S256" }),
    ...authorise_parameters,
  });
  return `${authorise_url}?${query}`;
}

export function codeRequest(
  client: OAuthClient,
  { code, redirect_uri, verifier }: { code: string; redirect_uri: string; verifier: string },
): TokenRequest {
  const proof: Record<string, string> = PROVIDERS[client.provider].pkce ? { code_verifier: verifier } : {};
  return tokenRequest(client, { grant_type: "authorization_code", code, redirect_uri, ...proof });
}

export function refreshRequest(client: OAuthClient, refresh_token: string): TokenRequest {
  return tokenRequest(client, { grant_type: "refresh_token", refresh_token });
}

/** RFC 7523 §2.1: a signed assertion for an access token. */
export function assertionRequest(token_url: string, assertion: string): TokenRequest {
  return form(token_url, { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
}

function tokenRequest({ provider, client_id, client_secret }: OAuthClient, parameters: Record<string, string>) {
  const { token_url, client, token_headers }: Provider = PROVIDERS[provider];
  if (client === "body") return form(token_url, { ...parameters, client_id, client_secret }, token_headers);
  // RFC 6749 §2.3.1: both are form-encoded before they are joined.
  const pair = [client_id, client_secret].map(encodeURIComponent).join(":");
  return form(token_url, parameters, {
    ...token_headers,
    authorization: `Basic ${Buffer.from(pair).toString("base64")}`,
  });
}

function form(url: string, parameters: Record<string, string>, headers: Record<string, string> = {}): TokenRequest {
  return {
    url,
    method: "POST",
    headers: { ...headers, "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: new URLSearchParams(parameters).toString(),
  };
}

/** RFC 6749 §5.2. The others of its codes are mistakes of the app's settings, which a person must mend too. */
const REFUSALS = new Set(["invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope", "access_denied"]);
/** Where a provider does not say how long a token is good. */
const USUAL_LIFE_S = 3_600;

/** `before` is what is refreshed: a provider that sends no new refresh token means that the old one stays. */
export function readGrant(response: { status: number; json: unknown }, now: number, before?: Grant): GrantReading {
  const answer = record(response.json);
  const access_token = text(answer.access_token);
  if (response.status >= 200 && response.status < 300 && access_token) {
    const refresh_token = text(answer.refresh_token) ?? before?.refresh_token;
    const scope = text(answer.scope) ?? before?.scope;
    return {
      ok: true,
      grant: {
        access_token,
        expires_at: now + (number(answer.expires_in) ?? USUAL_LIFE_S) * 1_000,
        ...(refresh_token && { refresh_token }),
        ...(scope && { scope }),
      },
    };
  }
  const code = text(answer.error) ?? text(answer.status) ?? "";
  const said = text(answer.error_description) ?? text(answer.message);
  const reason = [`HTTP ${response.status}`, code, said].filter(Boolean).join(": ").slice(0, 300);
  const is_refused =
    REFUSALS.has(code) || response.status === 400 || response.status === 401 || response.status === 403;
  return { ok: false, revoked: is_refused, reason };
}
