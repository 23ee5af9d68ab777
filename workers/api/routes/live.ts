import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { ApiEnv } from "../../env.ts";
import { environmentOf } from "./environment-of.ts";

/** GET ?environment_id: a WebSocket that receives arrays of `LiveItem` (core/live.ts) from now on. */
export const live = new Hono<{ Bindings: ApiEnv }>().get("/", async (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    throw new ApiError("upgrade_required", "This is a WebSocket: connect with one", {
      headers: { upgrade: "websocket" },
    });
  }
  const environment = await environmentOf(c);
  return c.env.LIVE_FEED.getByName(environment.id).fetch(c.req.raw);
});
