import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { funnel } from "../../../core/analytics/funnel.ts";
import { goal } from "../../../core/analytics/query.ts";
import { type Saved, SavedAnalytics, type SavedKind } from "../../../db/saved-analytics.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";
import { environmentOf } from "./environment-of.ts";

const DOCUMENTS = {
  goal: goal.refine(
    ({ event, page }) => (event === undefined) !== (page === undefined),
    "say either an event or a page",
  ),
  funnel,
  annotation: z.strictObject({ at: z.iso.datetime({ offset: true }) }),
} satisfies Record<SavedKind, z.ZodType<object>>;

/**
 * What people save for their analyses: `{name, document}`, the document of one of the kinds above (docs/analytics.md).
 *
 *     GET    /       all of them, as `list`
 *     POST   /       another; the answer has its id
 *     GET    /:id
 *     PUT    /:id    name and document anew
 *     DELETE /:id
 */
function savedRoutes(kind: SavedKind, list: string) {
  const body = z.strictObject({
    name: z.string().trim().min(1).max(200),
    document: DOCUMENTS[kind] as z.ZodType<object>,
  });
  return new Hono<{ Bindings: ApiEnv }>()
    .get("/", async (c) => c.json({ [list]: (await (await savedOf(c, kind)).list()).map(shown) }))
    .post("/", async (c) => {
      const { name, document } = await jsonBody(c, body);
      return c.json(shown(await (await savedOf(c, kind)).create(name, document)), 201);
    })
    .get("/:id", async (c) => c.json(shown(await (await savedOf(c, kind)).get(c.req.param("id")))))
    .put("/:id", async (c) => {
      const { name, document } = await jsonBody(c, body);
      return c.json(shown(await (await savedOf(c, kind)).replace(c.req.param("id"), name, document)));
    })
    .delete("/:id", async (c) => {
      await (await savedOf(c, kind)).delete(c.req.param("id"));
      return c.body(null, 204);
    });
}

export const goals = savedRoutes("goal", "goals");
export const funnels = savedRoutes("funnel", "funnels");
export const annotations = savedRoutes("annotation", "annotations");

async function savedOf(c: Context<{ Bindings: ApiEnv }>, kind: SavedKind): Promise<SavedAnalytics> {
  const { id } = await environmentOf(c);
  return new SavedAnalytics(drizzle(c.env.DB), kind, id);
}

const shown = ({ environment_id: _, ...saved }: Saved) => saved;
