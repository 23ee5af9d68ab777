/**
 * The tokens of one integration, kept by its gate: so a token is renewed once, however many isolates ask at the same moment, and a
 * provider that replaces its refresh token at every use never sees an old one. Grants are sealed at rest.
 */
import { openCredentials, rewrap, sealCredentials } from "../core/credentials.ts";
import {
  assertionRequest,
  codeRequest,
  type Grant,
  type GrantReading,
  type OAuthClient,
  readGrant,
  refreshRequest,
  type TokenRequest,
} from "../core/oauth2.ts";
import { challengeOf, randomToken } from "../core/pkce.ts";
import type { Authentication } from "../workers/delivery/authentication.ts";
import { SKEW_MS, type TokenAnswer } from "../workers/delivery/credentials-for.ts";
import { GOOGLE_TOKEN_URL, googleAssertion } from "../workers/delivery/signed-tokens.ts";
import { callVendor, masker } from "../workers/delivery/vendor-call.ts";

export const tokenTables = `CREATE TABLE grants (id INTEGER PRIMARY KEY, sealed TEXT NOT NULL);
   CREATE TABLE consents (state TEXT PRIMARY KEY, verifier TEXT NOT NULL, redirect_uri TEXT NOT NULL, until INTEGER NOT NULL);`;

const TIMEOUT_MS = 10_000;
/** How long a person may take to say yes. */
const CONSENT_MS = 15 * 60_000;

export interface KeeperEnv {
  /** Secret, as delivery has it. */
  CREDENTIALS_KEY: string;
  VENDOR_SINK_URL?: string;
}

export type Exchanged = Extract<Authentication, { scheme: "oauth2" | "google_service_account" }>;
type OAuth = Extract<Authentication, { scheme: "oauth2" }>;

/** What may be told of a grant. */
export type Connection =
  | { state: "not_connected" }
  | { state: "connected"; expires_at: string; scope?: string; refreshable: boolean };

export class TokenKeeper {
  readonly #sql: SqlStorage;
  readonly #env: KeeperEnv;
  #renewing: Promise<TokenAnswer> | undefined;
  /** Of a service account: needs no storing, a new one is to be had at any time. */
  #exchanged: { grant: Grant; of: string } | undefined;

  constructor(sql: SqlStorage, env: KeeperEnv) {
    this.#sql = sql;
    this.#env = env;
  }

  /** A token that is good for a minute at least. `refused` is one that the vendor did not take: it is not given out again. */
  async token(authentication: Exchanged, integrationId: string, refused?: string): Promise<TokenAnswer> {
    const grant = await this.#grantFor(authentication, integrationId);
    if (grant && grant.access_token !== refused && Date.now() < grant.expires_at - SKEW_MS) return answerOf(grant);
    this.#renewing ??= this.#renew(authentication, integrationId, grant).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Begins an authorisation; the state opens it once, in the next quarter of an hour. */
  begin(state: string, redirect_uri: string): { challenge: string } {
    const verifier = randomToken();
    this.#sql.exec("DELETE FROM consents WHERE until < ?", Date.now());
    this.#sql.exec("INSERT INTO consents VALUES (?, ?, ?, ?)", state, verifier, redirect_uri, Date.now() + CONSENT_MS);
    return { challenge: challengeOf(verifier) };
  }

  /** The provider sent the person back with a code. */
  async complete(
    state: string,
    code: string,
    authentication: OAuth,
    integrationId: string,
  ): Promise<{ ok: true } | { ok: false; reason: string }> {
    const [consent] = this.#sql.exec<{ verifier: string; redirect_uri: string; until: number }>(
      "DELETE FROM consents WHERE state = ? RETURNING verifier, redirect_uri, until",
      state,
    );
    if (!consent || consent.until < Date.now())
      return { ok: false, reason: "this authorisation was not begun here, is used up, or took too long" };
    const { verifier, redirect_uri } = consent;
    const client = clientOf(authentication);
    const reading = await this.#ask(codeRequest(client, { code, redirect_uri, verifier }), authentication, undefined);
    if (!reading.ok) return { ok: false, reason: reading.reason };
    await this.#keep(reading.grant, integrationId);
    return { ok: true };
  }

  async connection(integrationId: string): Promise<Connection> {
    const grant = await this.#stored(integrationId);
    if (!grant) return { state: "not_connected" };
    const { expires_at, scope, refresh_token } = grant;
    return {
      state: "connected",
      expires_at: new Date(expires_at).toISOString(),
      refreshable: refresh_token !== undefined,
      ...(scope && { scope }),
    };
  }

  forget(): void {
    this.#sql.exec("DELETE FROM grants");
    this.#exchanged = undefined;
  }

  /** Seals what is kept under the newest credentials key; true where that changed anything. */
  async reseal(integrationId: string): Promise<boolean> {
    const sealed = this.#sealed();
    const anew = sealed && (await rewrap(this.#env.CREDENTIALS_KEY, contextOf(integrationId), sealed));
    if (!anew) return false;
    // Renewed in the meantime: then it is sealed by the newest key already.
    this.#sql.exec("UPDATE grants SET sealed = ? WHERE id = 1 AND sealed = ?", anew, sealed);
    return true;
  }

  async #renew(authentication: Exchanged, integrationId: string, before: Grant | undefined): Promise<TokenAnswer> {
    if (authentication.scheme === "google_service_account") {
      let assertion: string;
      try {
        assertion = await googleAssertion(authentication, Date.now());
      } catch {
        // The cause is left out on purpose: it could quote the key.
        return { ok: false, outcome: "unauthorised", reason: "the service account's key cannot be read" };
      }
      const reading = await this.#ask(assertionRequest(GOOGLE_TOKEN_URL, assertion), authentication, undefined);
      if (!reading.ok) return refusal("the service account was refused", reading);
      this.#exchanged = { grant: reading.grant, of: JSON.stringify(authentication) };
      return answerOf(reading.grant);
    }
    const { provider } = authentication;
    if (!before) {
      return {
        ok: false,
        outcome: "unauthorised",
        reason: `not connected: nobody has authorised this at ${provider} yet`,
      };
    }
    if (!before.refresh_token) {
      return {
        ok: false,
        outcome: "unauthorised",
        reason: `the ${provider} token has expired and cannot be refreshed: connect again`,
      };
    }
    const request = refreshRequest(clientOf(authentication), before.refresh_token);
    const reading = await this.#ask(request, authentication, before);
    if (!reading.ok) return refusal(`${provider} did not refresh the token, connect again`, reading);
    await this.#keep(reading.grant, integrationId);
    return answerOf(reading.grant);
  }

  async #ask(request: TokenRequest, secrets: Exchanged, before: Grant | undefined): Promise<GrantReading> {
    const mask = masker([secrets, before, request.body.split(/[&=]/)]);
    const options = { timeoutMs: TIMEOUT_MS, integration: "oauth", sinkUrl: this.#env.VENDOR_SINK_URL, mask };
    const result = await callVendor(request, options);
    if (!result.answered) return { ok: false, revoked: false, reason: result.error };
    const reading = readGrant(result.response, Date.now(), before);
    return reading.ok ? reading : { ...reading, reason: mask(reading.reason) };
  }

  async #grantFor(authentication: Exchanged, integrationId: string): Promise<Grant | undefined> {
    if (authentication.scheme === "oauth2") return this.#stored(integrationId);
    return this.#exchanged?.of === JSON.stringify(authentication) ? this.#exchanged.grant : undefined;
  }

  #sealed(): string | undefined {
    return this.#sql.exec<{ sealed: string }>("SELECT sealed FROM grants WHERE id = 1").toArray()[0]?.sealed;
  }

  async #stored(integrationId: string): Promise<Grant | undefined> {
    const sealed = this.#sealed();
    if (!sealed) return undefined;
    return (await openCredentials(this.#env.CREDENTIALS_KEY, contextOf(integrationId), sealed)) as Grant;
  }

  async #keep(grant: Grant, integrationId: string): Promise<void> {
    const sealed = await sealCredentials(this.#env.CREDENTIALS_KEY, contextOf(integrationId), grant);
    this.#sql.exec("INSERT OR REPLACE INTO grants (id, sealed) VALUES (1, ?)", sealed);
  }
}

const contextOf = (integrationId: string) => `grant/${integrationId}`;

const clientOf = ({ provider, client_id, client_secret }: OAuth): OAuthClient => ({
  provider,
  client_id,
  client_secret,
});

const answerOf = ({ access_token, expires_at }: Grant): TokenAnswer => ({ ok: true, token: access_token, expires_at });

function refusal(what: string, { revoked, reason }: Extract<GrantReading, { ok: false }>): TokenAnswer {
  return revoked
    ? { ok: false, outcome: "unauthorised", reason: `${what} (${reason})` }
    : { ok: false, outcome: "retry", reason: `no token: ${reason}` };
}
