import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { liveFilter } from "../../../core/live.ts";
import type { ApiEnv } from "../../env.ts";
import { makeLiveTicket, TICKET_S } from "../accounts/live-ticket.ts";
import { hidesPersonal } from "../personal.ts";
import { environmentOf } from "./environment-of.ts";

/**
 * GET ?environment_id&source_id&type&user&integration_id: a WebSocket that receives arrays of `LiveItem` (core/live.ts) from now on. It
 * opens with a session cookie from our own pages, with a bearer token, or with `?ticket=`, which POST /tickets?environment_id answers:
 * `{ticket, environment_id, expires_at}`. GET /events: the same as server-sent events. Both are described in docs/live.md.
 */
export const live = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      throw new ApiError("upgrade_required", "This is a WebSocket: connect with one", {
        headers: { upgrade: "websocket" },
      });
    }
    return watch(c, { upgrade: "websocket" });
  })
  .get("/events", (c) => watch(c, {}))
  .post("/tickets", async (c) => {
    const { id } = await environmentOf(c);
    const { actor, organisation_id } = c.var.access;
    const until = Date.now() + TICKET_S * 1_000;
    const ticket = makeLiveTicket(c.env, { environment_id: id, organisation_id, actor, until });
    return c.json({ ticket, environment_id: id, expires_at: new Date(until).toISOString() });
  });

async function watch(c: Context<{ Bindings: ApiEnv }>, headers: Record<string, string>): Promise<Response> {
  const { environment_id: _, ticket: __, ...given } = c.req.query();
  const parsed = liveFilter.safeParse(given);
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  const environment = await environmentOf(c);
  const query = new URLSearchParams({ filter: JSON.stringify(parsed.data), ...(hidesPersonal(c) && { masked: "1" }) });
  const answer = await c.env.LIVE_FEED.getByName(environment.id).fetch(`https://live-feed/?${query}`, { headers });
  if (answer.status === 429) throw new ApiError("too_many_requests", "Too many watch this environment already");
  return answer;
}
