import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { listVersions } from "../../../db/configuration-versions.ts";
import { canaryRule, endCanary, getPipeline, startCanary, subjectOf } from "../../../db/pipelines.ts";
import * as schema from "../../../db/schema.ts";
import { comparisonOf, countsOf, performanceOf } from "../../canary.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";

const author = z.string().min(1).max(200).default("admin");
const newCanary = z.strictObject({
  version: z.int().min(1),
  /** Of visitors: always the same ones, and of 20 % all that were among 10. */
  percent: z.number().min(0.01).max(100),
  rule: canaryRule.optional(),
  author,
});
const ending = z.strictObject({ author });

/**
 * PUT /:id/canary `{version, percent, rule?}` sends a part of the visitors through another version. GET compares both since then. POST
 * …/promote makes it the live one, DELETE ends it. GET /:id/counts tells what the last versions did, for good.
 */
export const pipelineCanary = new Hono<{ Bindings: ApiEnv }>()
  .put("/:id/canary", async (c) => {
    const { version, percent, rule, author } = await jsonBody(c, newCanary);
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    const running = pipeline.canary?.version === version ? pipeline.canary : undefined;
    const counts = await countsOf(c.env, pipeline, [pipeline.live_version, version]);
    const started = await startCanary(db, c.env.CONFIG, pipeline, {
      version,
      percent,
      author,
      // Another share of the same canary goes on counting.
      started_at: running?.started_at ?? new Date().toISOString(),
      baseline: running?.baseline ?? { live: counts[pipeline.live_version]!, canary: counts[version]! },
      ...(rule && { rule }),
    });
    return c.json(started);
  })
  .get("/:id/canary", async (c) => {
    const pipeline = await getPipeline(drizzle(c.env.DB, { schema }), c.req.param("id"));
    const { canary, last_canary, live_version } = pipeline;
    return c.json({
      live_version,
      canary,
      last_canary,
      ...(await comparisonOf(c.env, pipeline).then((both) => both && { comparison: both })),
    });
  })
  .post("/:id/canary/promote", async (c) =>
    c.json(await ended(c.env, c.req.param("id"), "promoted", (await jsonBody(c, ending)).author)),
  )
  .delete("/:id/canary", async (c) =>
    c.json(await ended(c.env, c.req.param("id"), "rolled_back", (await jsonBody(c, ending)).author)),
  )
  .get("/:id/counts", async (c) => {
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    const versions = (await listVersions(db, subjectOf(pipeline), { limit: 20 })).map(({ version }) => version);
    const counts = await countsOf(c.env, pipeline, versions);
    return c.json({ counts: versions.map((version) => ({ version, ...performanceOf(counts[version]!) })) });
  });

async function ended(env: ApiEnv, id: string, outcome: "promoted" | "rolled_back", author: string) {
  const db = drizzle(env.DB, { schema });
  const pipeline = await getPipeline(db, id);
  if (!pipeline.canary) throw new ApiError("conflict", `${id} has no canary`);
  return endCanary(db, env.CONFIG, pipeline, outcome, `by ${author}`);
}
