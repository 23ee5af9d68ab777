import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment } from "../../../core/environment.ts";
import { type CompiledSegment, compileSegment } from "../../../core/segments/compile.ts";
import {
  type Condition,
  countersOf,
  readDefinition,
  segmentId,
  segmentsIn,
} from "../../../core/segments/definition.ts";
import { surroundingsOf } from "../../../core/segments/published.ts";
import { authorship, getVersion, listVersions } from "../../../db/configuration-versions.ts";
import * as schema from "../../../db/schema.ts";
import {
  changeSegment,
  createSegment,
  deleteSegment,
  getSegment,
  listSegments,
  type SegmentHead,
  subjectOf,
} from "../../../db/segments.ts";
import type { ApiEnv } from "../../env.ts";
import { personBehind, wholePerson } from "../../people.ts";
import { peopleOfSegment } from "../../segment-people.ts";
import { numbered } from "../document-versions.ts";
import { asYaml, bodyWithDocument } from "../pipeline-document.ts";
import { environmentOf } from "./environment-of.ts";
import { whoIs } from "./identifier-of.ts";

const SAMPLE = 20;

const saved = authorship.extend({
  name: z.string().min(1).max(200).optional(),
  document: z.unknown().optional(),
  /** Somebody has seen that it includes everyone, and means it. */
  confirm_everyone: z.union([z.boolean(), z.stringbool()]).default(false),
});
const created = saved.extend({ id: segmentId, name: z.string().min(1).max(200), document: z.unknown() });
const previewed = z.object({ document: z.unknown() });
const page = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  /** `next` of the answer before. */
  cursor: z.string().max(64).optional(),
});

/**
 * Segments of an environment. A definition is JSON under `document`, or the whole body as YAML with the rest in the query.
 *
 *     POST /preview            how many, and twenty of them, without saving anything
 *     GET  /:id/people         their ids, page by page
 *     GET  /:id/size           how many, at this moment
 *     GET  /:id/why/:person    condition by condition
 */
export const segments = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const environment = await environmentOf(c);
    return c.json({ segments: await listSegments(database(c), environment.id) });
  })
  .post("/", async (c) => {
    const { id, name, document, confirm_everyone, ...by } = await bodyWithDocument(c, created);
    const environment = await environmentOf(c);
    const definition = checked(document, environment, id);
    await refuseEveryone(c, environment, definition, confirm_everyone);
    const about = { environment_id: environment.id, id, name };
    return c.json(shown(await createSegment(database(c), c.env.CONFIG, about, definition, by), definition), 201);
  })
  .post("/preview", async (c) => {
    const { document } = await bodyWithDocument(c, previewed);
    const environment = await environmentOf(c);
    const definition = checked(document, environment);
    const started = Date.now();
    const { people, count, person_ids } = await peopleOfSegment(c.env, environment, definition, { limit: SAMPLE });
    const took_ms = Date.now() - started;
    const sample = await Promise.all(person_ids.map((id) => personBehind(c.env, environment, id)));
    return c.json({
      count,
      of: people,
      took_ms,
      sample: sample.flatMap((person) =>
        person ? [{ person_id: person.person_id, identifiers: person.identifiers, traits: person.traits }] : [],
      ),
    });
  })
  .get("/:id", async (c) => {
    const { head, definition } = await segmentOf(c);
    if (c.req.query("format") !== "yaml") return c.json(shown(head, definition));
    return c.text(asYaml(definition), 200, { "content-type": "text/yaml; charset=utf-8" });
  })
  .put("/:id", async (c) => {
    const { name, document, confirm_everyone, ...by } = await bodyWithDocument(c, saved);
    const { head, definition: before, environment } = await segmentOf(c);
    const definition = document === undefined ? undefined : checked(document, environment, head.id);
    if (definition) await refuseEveryone(c, environment, definition, confirm_everyone);
    const changed = await changeSegment(database(c), c.env.CONFIG, head, { name, definition }, by);
    return c.json(shown(changed, definition ?? before));
  })
  .delete("/:id", async (c) => {
    const { head, environment } = await segmentOf(c);
    const user = environment.segments?.find(({ definition }) => segmentsIn(definition).includes(head.id));
    if (user) throw new ApiError("conflict", `The segment ${user.id} is built on ${head.id}`);
    await deleteSegment(database(c), c.env.CONFIG, head);
    return c.body(null, 204);
  })
  .get("/:id/versions", async (c) => {
    const { head } = await segmentOf(c);
    const before = c.req.query("before");
    const subject = subjectOf(head.environment_id, head.id);
    return c.json({
      versions: await listVersions(database(c), subject, {
        before: before === undefined ? undefined : numbered(before),
      }),
    });
  })
  .get("/:id/versions/:version", async (c) => {
    const { head } = await segmentOf(c);
    const subject = subjectOf(head.environment_id, head.id);
    return c.json(await getVersion(database(c), subject, numbered(c.req.param("version"))));
  })
  .get("/:id/people", async (c) => {
    const parsed = page.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { limit, cursor } = parsed.data;
    const { definition, environment } = await segmentOf(c);
    const { count, person_ids } = await peopleOfSegment(c.env, environment, definition, {
      limit: limit + 1,
      after: cursor,
    });
    const people = person_ids.slice(0, limit);
    return c.json({ count, people, ...(person_ids.length > limit && { next: people.at(-1) }) });
  })
  .get("/:id/size", async (c) => {
    const { definition, environment } = await segmentOf(c);
    const now = Date.now();
    const { count, people } = await peopleOfSegment(c.env, environment, definition, { limit: 1, now });
    return c.json({ count, of: people, at: new Date(now).toISOString(), took_ms: Date.now() - now });
  })
  .get("/:id/why/:person", async (c) => {
    const { definition, environment } = await segmentOf(c);
    const who = c.req.param("person");
    const person = await wholePerson(c.env, environment, whoIs(who, environment));
    if (!person) throw new ApiError("not_found", `Nobody is known as ${who.slice(0, 100)}`);
    const segment = compiledIn(environment, definition);
    const now = Date.now();
    const next = segment.nextChangeAt(person, now);
    return c.json({
      person_id: person.person_id,
      ...segment.explain(person, now),
      /** The earliest time at which any condition can come out otherwise without an event; null: never. */
      next_change_at: Number.isFinite(next) ? new Date(next).toISOString() : null,
    });
  });

type Api = Context<{ Bindings: ApiEnv }>;
const database = (c: Api) => drizzle(c.env.DB, { schema });

/** Looked up through its environment. Throws `not_found`. */
async function segmentOf(c: Api): Promise<{ head: SegmentHead; definition: Condition; environment: Environment }> {
  const environment = await environmentOf(c);
  const head = await getSegment(database(c), environment.id, c.req.param("id") ?? "");
  const { document } = await getVersion(database(c), subjectOf(environment.id, head.id), head.live_version);
  return { head, definition: document as Condition, environment };
}

const shown = ({ environment_id: _, ...head }: SegmentHead, document: Condition) => ({
  ...head,
  document,
  /** What is counted for this segment's sake, from when it was saved on. */
  counted_since_saved: countersOf([document]).map(({ name: _, ...counter }) => counter),
});

/** Throws `invalid_request` with `problems`, each a place and a reason. */
function checked(document: unknown, environment: Environment, id?: string): Condition {
  const read = readDefinition(document);
  if (!read.ok) {
    const [first] = read.wrong;
    const message = `${first!.place}: ${first!.reason}`;
    throw new ApiError("invalid_request", message, { details: { problems: read.wrong } });
  }
  // As if it were saved: others that lead back here make a circle.
  const others = (environment.segments ?? []).filter((one) => one.id !== id);
  const segments = id ? [...others, { id, version: 1, definition: read.definition }] : others;
  compiledIn({ ...environment, segments }, id ? { segment: id } : read.definition);
  return read.definition;
}

/** Throws `invalid_request`. */
function compiledIn(environment: Environment, definition: Condition): CompiledSegment {
  const compiled = compileSegment(definition, surroundingsOf(environment));
  if (!compiled.ok) throw new ApiError("invalid_request", compiled.reason);
  return compiled.segment;
}

/** Throws `conflict` where it includes everybody there is and nobody said that this is meant. */
async function refuseEveryone(c: Api, environment: Environment, definition: Condition, isMeant: boolean) {
  if (isMeant) return;
  const { people, count } = await peopleOfSegment(c.env, environment, definition, { limit: 1 });
  if (people > 0 && count === people)
    throw new ApiError("conflict", `It includes all ${people} people. If that is meant, send confirm_everyone`);
}
