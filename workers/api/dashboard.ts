/** The dashboard's pages: one file (pages/dist/app/index.html), whatever the address below /app; its own script finds the page. */
import type { Context } from "hono";
import type { ApiEnv } from "../env.ts";

export async function dashboard(c: Context<{ Bindings: ApiEnv }>): Promise<Response> {
  const asked = await c.env.ASSETS.fetch(c.req.raw);
  if (asked.status !== 404) return asked;
  return c.env.ASSETS.fetch(new Request(new URL("/app/", c.req.url), { headers: c.req.raw.headers }));
}
