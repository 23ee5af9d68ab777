import { and, desc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { lakeJobs } from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { erasePerson } from "../../people.ts";
import { forgetVisitor } from "../../visitor-shards.ts";
import { jsonBody } from "../json-body.ts";
import type { Erased } from "../lake/erase.ts";
import { environmentOf } from "./environment-of.ts";
import { whoIs } from "./identifier-of.ts";

const order = z.strictObject({ who: z.string().min(1).max(2_048) });

/**
 * POST {who}: forgets a person as DELETE /api/v1/profiles/:who does, and takes their events out of the lake, the dead letters and what
 * waits in `spill/`. GET /:id: how far it is, and when complete the proof: files, rows before and after. GET: the last ones.
 */
export const erasures = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const environment = await environmentOf(c);
    const rows = await drizzle(c.env.DB)
      .select()
      .from(lakeJobs)
      .where(and(eq(lakeJobs.environment_id, environment.id), eq(lakeJobs.kind, "erasure")))
      .orderBy(desc(lakeJobs.created_at))
      .limit(100);
    return c.json({ erasures: rows.map(described) });
  })
  .post("/", async (c) => {
    const { who } = await jsonBody(c, order);
    const environment = await environmentOf(c);
    const erased = (await erasePerson(c.env, environment, whoIs(who, environment))) ?? onlyVisitor(who);
    if (!erased) throw new ApiError("not_found", `Nobody is known by ${who}`);
    const of = (wanted: string) => erased.identifiers.filter(({ kind }) => kind === wanted).map(({ value }) => value);
    const request: Erased = { anonymous_ids: of("anonymous_id"), user_ids: of("user_id") };
    // Visitors are told by their anonymous ids; where events had none, by what stood in its place.
    for (const id of [...request.anonymous_ids, ...request.user_ids])
      await forgetVisitor(c.env.VISITOR_SHARD, environment, id);
    const now = new Date().toISOString();
    const job = {
      id: `era_${crypto.randomUUID()}`,
      environment_id: environment.id,
      kind: "erasure" as const,
      request: { ...request, anonymous_ids: [...request.anonymous_ids, ...request.user_ids] },
      status: "running" as const,
      result: { person_id: erased.person_id },
      created_at: now,
      updated_at: now,
    };
    await drizzle(c.env.DB).insert(lakeJobs).values(job);
    await c.env.LAKE_WORK.create({ id: job.id, params: { kind: "erasure", id: job.id } });
    return c.json(described(job), 202);
  })
  .get("/:id", async (c) => {
    const environment = await environmentOf(c);
    const id = c.req.param("id");
    const [job] = await drizzle(c.env.DB)
      .select()
      .from(lakeJobs)
      .where(and(eq(lakeJobs.id, id), eq(lakeJobs.environment_id, environment.id)));
    if (!job) throw new ApiError("not_found", `No erasure ${id}`);
    return c.json(described(job));
  });

/** Most visitors never say who they are: nobody knows them as a person, and their events are there all the same. */
function onlyVisitor(who: string) {
  const [, value] = /^anonymous_id:(.+)$/.exec(who) ?? [];
  return value === undefined ? undefined : { person_id: null, identifiers: [{ kind: "anonymous_id", value }] };
}

const described = ({ id, environment_id, status, result, created_at, updated_at }: typeof lakeJobs.$inferSelect) => ({
  id,
  environment_id,
  status,
  ...(result as object),
  created_at,
  updated_at,
});
