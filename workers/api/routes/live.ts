import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { ApiEnv } from "../../env.ts";
import { makeLiveTicket, TICKET_S } from "../accounts/live-ticket.ts";
import { environmentOf } from "./environment-of.ts";

/**
 * GET ?environment_id: a WebSocket that receives arrays of `LiveItem` (core/live.ts) from now on. It opens with a session cookie from our
 * own pages, with a bearer token, or with `?ticket=`, which POST /tickets?environment_id answers: `{ticket, environment_id, expires_at}`.
 */
export const live = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      throw new ApiError("upgrade_required", "This is a WebSocket: connect with one", {
        headers: { upgrade: "websocket" },
      });
    }
    const environment = await environmentOf(c);
    return c.env.LIVE_FEED.getByName(environment.id).fetch(c.req.raw);
  })
  .post("/tickets", async (c) => {
    const { id } = await environmentOf(c);
    const { actor, organisation_id } = c.var.access;
    const until = Date.now() + TICKET_S * 1_000;
    const ticket = makeLiveTicket(c.env, { environment_id: id, organisation_id, actor, until });
    return c.json({ ticket, environment_id: id, expires_at: new Date(until).toISOString() });
  });
