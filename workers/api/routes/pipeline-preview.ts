import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { purposesOf } from "../../../core/consent.ts";
import type { Environment } from "../../../core/environment.ts";
import { type Event, event as eventSchema, parseEvent } from "../../../core/event.ts";
import type { PublishedPipeline } from "../../../core/pipeline/published.ts";
import { structuralDiff } from "../../../core/structural-diff.ts";
import { isRecord } from "../../../core/values.ts";
import { getVersion } from "../../../db/configuration-versions.ts";
import { compiledPipelines, compiledTables, getPipeline, type Pipeline, subjectOf } from "../../../db/pipelines.ts";
import * as schema from "../../../db/schema.ts";
import { readEnvironment } from "../../config.ts";
import { deadLetter } from "../../dead-letters.ts";
import type { ApiEnv } from "../../env.ts";
import { previewOne } from "../../preview.ts";
import { type Route, routeOf } from "../../processor/layer2.ts";
import { layer2Resources } from "../../processor/layer2-resources.ts";
import { jsonBody } from "../json-body.ts";
import { checkedDocument } from "../pipeline-document.ts";

const MOST_EVENTS = 50;
const asked = z.strictObject({
  /** Which version; absent: the live one. Or a document that was never saved. */
  version: z.int().min(1).optional(),
  document: z.unknown().optional(),
  /** Another version to hold its payloads against. */
  against: z.int().min(1).optional(),
  /** Of a shared pipeline: for which integration; absent: for all of them. */
  integration_id: z.string().optional(),
  /** Where the events come from; absent: the pipeline's source, or the environment's first. */
  source_id: z.string().optional(),
  /** As a client sends them, or as our lake holds them. */
  events: z.array(z.unknown()).max(MOST_EVENTS).default([]),
  /** So many of those that came last from the source. */
  recent: z.int().min(1).max(20).optional(),
  /** Events that were quarantined. */
  dead_letter_ids: z.array(z.string()).max(20).default([]),
});

/** POST /:id/preview: what a version would make of events, step by step. Nothing is sent, stored or counted. */
export const pipelinePreview = new Hono<{ Bindings: ApiEnv }>().post("/:id/preview", async (c) => {
  const given = await jsonBody(c, asked);
  const db = drizzle(c.env.DB, { schema });
  const pipeline = await getPipeline(db, c.req.param("id"));
  const published = await readEnvironment(c.env.CONFIG, pipeline.environment_id);
  if (!published) throw new ApiError("not_found", `No environment ${pipeline.environment_id}`);
  // As it is in D1 now: what was read from KV may be half a minute old.
  const [pipelines, lookup_tables] = await Promise.all([
    compiledPipelines(db, published.id),
    compiledTables(db, published.id),
  ]);
  const tried =
    given.document === undefined
      ? await documentOf(db, pipeline, given.version ?? pipeline.live_version)
      : await checkedDocument(given.document, pipeline, published.id, db, c.env);
  const other = given.against === undefined ? undefined : await documentOf(db, pipeline, given.against);
  const environment: Environment = { ...published, pipelines, lookup_tables };
  const source_id = given.source_id ?? pipeline.source_id ?? published.sources[0]?.id ?? "";
  const of = pipeline.integration_id ?? given.integration_id;
  const integrations = environment.integrations.filter(({ id }) => of === undefined || id === of);
  if (integrations.length === 0) throw new ApiError("not_found", `No integration ${of}`);

  const documents = [tried, ...(other ? [other] : [])].map((document) => ({ ...asPublished(pipeline, document) }));
  const resources = await layer2Resources({ ...environment, pipelines: [...pipelines, ...documents] }, c.env);
  const events = await eventsFor(c, given, environment, source_id);
  const results = await Promise.all(
    events.map(async (event) => ({
      event,
      integrations: await Promise.all(
        integrations.map(async (integration) => {
          const through = (document: Record<string, unknown>) =>
            previewOne(
              event,
              { environment, source_id, resources },
              integration,
              routeWith(environment, source_id, integration.id, pipeline, document),
            );
          const result = await through(tried);
          if (!other) return result;
          const before = await through(other);
          return {
            ...result,
            against: { outcome: before.outcome, reason: before.reason, payload: before.payload },
            payload_changes: structuralDiff(before.payload, result.payload),
          };
        }),
      ),
    })),
  );
  return c.json({ pipeline_id: pipeline.id, source_id, results });
});

async function documentOf(db: Parameters<typeof getVersion>[0], pipeline: Pipeline, version: number) {
  return (await getVersion(db, subjectOf(pipeline), version)).document as Record<string, unknown>;
}

const asPublished = ({ id }: Pipeline, document: Record<string, unknown>): PublishedPipeline => ({
  id,
  version: 0,
  document,
});

/** The route that the processor would take, with this document in its place. Other pipelines are as they are live, without canaries. */
function routeWith(
  environment: Environment,
  sourceId: string,
  integrationId: string,
  pipeline: Pipeline,
  document: Record<string, unknown>,
): Route {
  const { shared, own } = routeOf(environment, sourceId, integrationId);
  const live = (one: PublishedPipeline | undefined) => one && { ...one, canary: undefined };
  const tried = asPublished(pipeline, document);
  return (
    pipeline.integration_id === null ? { shared: tried, own: live(own) } : { shared: live(shared), own: tried }
  ) as Route;
}

async function eventsFor(
  c: Context<{ Bindings: ApiEnv }>,
  given: z.infer<typeof asked>,
  environment: Environment,
  sourceId: string,
): Promise<Event[]> {
  const pasted = given.events.map((raw, i) => readEvent(raw, `events.${i}`, environment));
  const recent =
    given.recent === undefined ? [] : await c.env.LIVE_FEED.getByName(environment.id).recent(sourceId, given.recent);
  const letters = await Promise.all(
    given.dead_letter_ids.map(async (id) => {
      const letter = await deadLetter(c.env, id);
      if (letter?.environment_id !== environment.id) throw new ApiError("not_found", `No dead letter ${id}`);
      return readEvent(letter.payload, `dead letter ${id}`, environment);
    }),
  );
  return [...pasted, ...(recent as Event[]), ...letters];
}

/** An event as a client sends it, completed as the door would; its purposes as the consent step would find them. */
function readEvent(raw: unknown, where: string, { consent_default }: Environment): Event {
  const now = new Date().toISOString();
  const received_at = isRecord(raw) && typeof raw.received_at === "string" ? raw.received_at : now;
  const parsed = parseEvent(raw, { message_id: () => "preview", anonymous_id: "preview", received_at });
  if (!parsed.ok) throw new ApiError("invalid_request", `${where}: ${parsed.message}`);
  const { event } = parsed;
  const { context } = event;
  const purposes =
    context.purposes ?? purposesOf(context.consent, { gpc: false, dnt: false, byDefault: consent_default });
  return eventSchema.parse({ ...event, context: { ...context, purposes } });
}
