import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import { openCredentials } from "../../../core/credentials.ts";
import { authoriseUrl } from "../../../core/oauth2.ts";
import { randomToken } from "../../../core/pkce.ts";
import { integrations as table } from "../../../db/schema.ts";
import type { Authentication } from "../../delivery/authentication.ts";
import { destinationNamed } from "../../delivery/destinations/index.ts";
import type { ApiEnv } from "../../env.ts";

export const CALLBACK_PATH = "/api/v1/oauth/callback";

/**
 * GET /:id/connect answers `{authorise_url, redirect_uri}`: where to send the person who may say yes, within a quarter of an hour; the
 * redirect address must be registered with the provider. GET /:id/connection tells what was granted, never the tokens. DELETE forgets them.
 */
export const connections = new Hono<{ Bindings: ApiEnv }>()
  .get("/:id/connect", async (c) => {
    const id = c.req.param("id");
    const { provider, client_id, scopes } = await oauthOf(c.env, id);
    const redirect_uri = `${new URL(c.req.url).origin}${CALLBACK_PATH}`;
    const state = `${id}.${randomToken()}`;
    const { challenge } = await c.env.INTEGRATION_GATE.getByName(id).beginConsent(state, redirect_uri);
    const authorise_url = authoriseUrl({ provider, client_id }, { scopes, redirect_uri, state, challenge });
    return c.json({ authorise_url, redirect_uri });
  })
  .get("/:id/connection", async (c) => {
    const id = c.req.param("id");
    const { provider } = await oauthOf(c.env, id);
    return c.json({ provider, ...(await c.env.INTEGRATION_GATE.getByName(id).connection(id)) });
  })
  .delete("/:id/connection", async (c) => {
    const id = c.req.param("id");
    await oauthOf(c.env, id);
    await c.env.INTEGRATION_GATE.getByName(id).forgetTokens();
    return c.json({ state: "not_connected" });
  });

/** GET: where a provider sends the person back to. No admin token: the state was given to one who had it, and opens once. */
export const oauthCallback = new Hono<{ Bindings: ApiEnv }>().get("/", async (c) => {
  const { state = "", code, error, error_description } = c.req.query();
  const id = state.slice(0, Math.max(0, state.lastIndexOf(".")));
  if (!id) throw new ApiError("invalid_request", "The state is missing");
  const authentication = await oauthOf(c.env, id);
  if (!code) {
    const why = [error ?? "no code was given", error_description].filter(Boolean).join(": ").slice(0, 300);
    throw new ApiError("consent_required", `Not connected: ${why}`);
  }
  const gate = c.env.INTEGRATION_GATE.getByName(id);
  const completed = await gate.completeConsent(state, code, authentication, id);
  if (!completed.ok) throw new ApiError("consent_required", `Not connected: ${completed.reason}`);
  // What waited for the credentials goes on at once.
  await gate.report({ requests: 1 });
  return c.text(`Connected. ${id} delivers again; you can close this window.\n`);
});

async function oauthOf(
  { DB, CREDENTIALS_KEY }: ApiEnv,
  id: string,
): Promise<Extract<Authentication, { scheme: "oauth2" }>> {
  const [row] = await drizzle(DB).select().from(table).where(eq(table.id, id));
  const destination = row && destinationNamed(row.destination);
  if (!row || !destination) throw new ApiError("not_found", `No integration ${id.slice(0, 64)}`);
  const secrets = (await openCredentials(CREDENTIALS_KEY, id, row.sealed_secrets)) as object;
  const settings = destination.settings.parse({ ...(row.settings as object), ...secrets });
  const authentication = destination.authentication?.(settings);
  if (authentication?.scheme !== "oauth2")
    throw new ApiError("conflict", `${destination.title} is not connected by OAuth with these settings`);
  return authentication;
}
