import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { authorship, getVersion, listVersions } from "../../../db/configuration-versions.ts";
import {
  changePipeline,
  createPipeline,
  getPipeline,
  listPipelines,
  rollBackTo,
  savePipeline,
  subjectOf,
} from "../../../db/pipelines.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { comparison, numbered } from "../document-versions.ts";
import { jsonBody } from "../json-body.ts";
import { asYaml, bodyWithDocument, checkedDocument, refuseUnknownPlace } from "../pipeline-document.ts";
import { environmentOf } from "./environment-of.ts";

const id = z.string().regex(/^[a-z][a-z0-9_-]{2,63}$/, "ids are 3 to 64 of a–z, 0–9, _ and -, and begin with a letter");

const newPipeline = authorship.extend({
  id,
  name: z.string().min(1).max(200),
  /** Null: for all of them. */
  source_id: z.string().nullable().default(null),
  integration_id: z.string().nullable().default(null),
  document: z.unknown().default({}),
  environment_id: z.string().optional(),
});
const newVersion = authorship.extend({
  document: z.unknown(),
  /** False: it is stored, to be previewed or tried as a canary. */
  activate: z.union([z.boolean(), z.stringbool()]).default(true),
});
const changes = z.strictObject({ name: z.string().min(1).max(200).optional(), enabled: z.boolean().optional() });
const rollback = authorship.extend({ version: z.int().min(1) });

/**
 * Pipelines of an environment, and their versions. A document is JSON under `document`, or the whole body as YAML with the rest in the
 * query. Nothing of what is here changes or deletes a version.
 */
export const pipelines = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const environment = await environmentOf(c);
    return c.json({ pipelines: await listPipelines(drizzle(c.env.DB, { schema }), environment.id) });
  })
  .post("/", async (c) => {
    const { document: written, author, note, environment_id: _, ...about } = await bodyWithDocument(c, newPipeline);
    const environment = await environmentOf(c);
    const db = drizzle(c.env.DB, { schema });
    await refuseUnknownPlace(db, environment.id, about);
    const document = await checkedDocument(written, about, environment.id, db, c.env);
    const pipeline = { ...about, environment_id: environment.id };
    return c.json(await createPipeline(db, c.env.CONFIG, pipeline, document, { author, note }), 201);
  })
  .get("/:id", async (c) => {
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    const { document } = await getVersion(db, subjectOf(pipeline), pipeline.live_version);
    return c.json({ ...pipeline, document });
  })
  .patch("/:id", async (c) => {
    const changed = await jsonBody(c, changes);
    return c.json(await changePipeline(drizzle(c.env.DB, { schema }), c.env.CONFIG, c.req.param("id"), changed));
  })
  .get("/:id/versions", async (c) => {
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    const before = c.req.query("before");
    return c.json({
      versions: await listVersions(db, subjectOf(pipeline), {
        before: before === undefined ? undefined : numbered(before),
      }),
    });
  })
  .post("/:id/versions", async (c) => {
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    const { document: written, activate, author, note } = await bodyWithDocument(c, newVersion);
    const document = await checkedDocument(written, pipeline, pipeline.environment_id, db, c.env);
    return c.json(await savePipeline(db, c.env.CONFIG, pipeline, document, { author, note }, activate), 201);
  })
  .get("/:id/versions/:version", async (c) => {
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    const version = await getVersion(db, subjectOf(pipeline), numbered(c.req.param("version")));
    if (c.req.query("format") !== "yaml") return c.json(version);
    return c.text(asYaml(version.document), 200, { "content-type": "text/yaml; charset=utf-8" });
  })
  .get("/:id/diff", async (c) => {
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    const [from, to] = await Promise.all(
      ["from", "to"].map((side) =>
        getVersion(db, subjectOf(pipeline), numbered(c.req.query(side) ?? String(pipeline.live_version))),
      ),
    );
    return c.json(comparison(from!, to!));
  })
  .post("/:id/rollback", async (c) => {
    const { version, author, note } = await jsonBody(c, rollback);
    const db = drizzle(c.env.DB, { schema });
    const pipeline = await getPipeline(db, c.req.param("id"));
    return c.json(await rollBackTo(db, c.env.CONFIG, pipeline, version, { author, note }), 201);
  });
