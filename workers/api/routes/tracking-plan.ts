import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import { fromSegment, segmentPlan } from "../../../core/tracking-plan/from-segment.ts";
import { proposePlan } from "../../../core/tracking-plan/shape.ts";
import type { ApiEnv } from "../../env.ts";
import { environmentOf } from "./environment-of.ts";
import { documentBody } from "./org-data-layer.ts";

/**
 * GET /violations: what events have against the plan, counted, with one redacted sample of each; DELETE forgets them. GET /proposal: a
 * plan that the traffic seen so far would pass. GET /shapes: what that was made of. POST /from-segment: Segment's tracking plan as a
 * `tracking_plan` section. Nothing here changes the plan: PATCH /api/v1/org-data-layer does.
 */
export const trackingPlanRoutes = new Hono<{ Bindings: ApiEnv }>()
  .get("/violations", async (c) => {
    const { id } = await environmentOf(c);
    return c.json({ violations: await c.env.SCHEMA_WATCH.getByName(id).violations() });
  })
  .delete("/violations", async (c) => {
    const { id } = await environmentOf(c);
    await c.env.SCHEMA_WATCH.getByName(id).forgetViolations();
    return c.json({ violations: [] });
  })
  .get("/proposal", async (c) => {
    const { id } = await environmentOf(c);
    return c.json({ tracking_plan: proposePlan(await c.env.SCHEMA_WATCH.getByName(id).shapes()) });
  })
  .get("/shapes", async (c) => {
    const { id } = await environmentOf(c);
    return c.json({ shapes: await c.env.SCHEMA_WATCH.getByName(id).shapes() });
  })
  .post("/from-segment", async (c) => {
    const parsed = segmentPlan.safeParse(await documentBody(c));
    if (!parsed.success)
      throw new ApiError(
        "invalid_request",
        "This is no tracking plan of Segment's: there are no `rules` in either of its forms",
      );
    const { plan, left_out } = fromSegment(parsed.data);
    return c.json({ tracking_plan: plan, left_out });
  });
