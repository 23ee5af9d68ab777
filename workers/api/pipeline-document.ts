/** A pipeline's document as a request brings it, JSON or YAML, checked against itself and against what it speaks of. */
import { eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { Context } from "hono";
import { parse, stringify } from "yaml";
import * as z from "zod";
import { ApiError } from "../../core/api-error.ts";
import {
  DOCUMENT_BYTES,
  OF_ONE_VENDOR,
  type PipelineDocument,
  pipelineDocument,
  problemsOf,
  tablesOf,
} from "../../core/pipeline.ts";
import { compiledTables } from "../../db/pipelines.ts";
import * as schema from "../../db/schema.ts";
import type { ApiEnv } from "../env.ts";
import { callFunction } from "../processor/function-host.ts";

const YAML_TYPE = /^(application|text)\/(x-)?yaml\b/;

/**
 * The request's body. As YAML it is the document itself, and what JSON says around it stands in the query. Throws `invalid_json`,
 * `invalid_request`.
 */
export async function bodyWithDocument<T>(c: Context<{ Bindings: ApiEnv }>, around: z.ZodType<T>): Promise<T> {
  // `text()` warns of types that do not call themselves text, and application/yaml does not.
  const text = new TextDecoder().decode(await c.req.arrayBuffer());
  const isYaml = YAML_TYPE.test(c.req.header("content-type") ?? "");
  if (Buffer.byteLength(text, "utf8") > 2 * DOCUMENT_BYTES)
    throw new ApiError("request_too_large", "The document is too large");
  let value: unknown;
  try {
    value = isYaml ? { ...c.req.query(), document: readYaml(text) } : JSON.parse(text || "{}");
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new ApiError("invalid_json", isYaml ? `The body is not YAML: ${why}` : "The body is not JSON");
  }
  const parsed = around.safeParse(value);
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  return parsed.data;
}

/** Plain data only, and no more aliases than people write: they can unfold a line into gigabytes. An empty text is an empty document. */
function readYaml(text: string): unknown {
  return parse(text, { schema: "core", maxAliasCount: 50, prettyErrors: true }) ?? {};
}

export const asYaml = (document: unknown): string => stringify(document, { lineWidth: 120 });

/** Of a pipeline between these two; null where it is for all of them. */
export interface Place {
  source_id: string | null;
  integration_id: string | null;
}

/**
 * The document with every default filled in. Throws `invalid_request` with `problems`: each a path and a reason. What cannot be told
 * without the account (a table that is not there, a function that does not start) is told here too, not by the first event.
 */
export async function checkedDocument(
  written: unknown,
  { integration_id }: Pick<Place, "integration_id">,
  environmentId: string,
  db: DrizzleD1Database<typeof schema>,
  env: Pick<ApiEnv, "LOADER">,
): Promise<PipelineDocument> {
  const parsed = pipelineDocument.safeParse(written);
  if (!parsed.success) throw refused(problemsOf(parsed.error));
  const document = parsed.data;
  const problems: { path: string; message: string }[] = [];
  if (Buffer.byteLength(JSON.stringify(document), "utf8") > DOCUMENT_BYTES)
    problems.push({ path: "", message: `a document has at most ${DOCUMENT_BYTES} bytes as JSON` });
  if (integration_id === null) {
    for (const section of OF_ONE_VENDOR)
      if (document[section].length)
        problems.push({ path: section, message: "belongs to a pipeline of one integration" });
  }
  const wanted = tablesOf(document);
  const known = wanted.length ? await compiledTables(db, environmentId) : {};
  for (const name of wanted)
    if (!Object.hasOwn(known, name))
      problems.push({ path: "", message: `there is no lookup table ${name}: upload it first` });
  for (const section of ["transform", "custom"] as const) {
    for (const [i, step] of document[section].entries()) {
      const problem = step.function && (await functionProblem(env, environmentId, step.function.code));
      if (problem) problems.push({ path: `${section}.${i}.function`, message: problem });
    }
  }
  if (problems.length) throw refused(problems);
  return document;
}

/** Starts the function, without caring what it makes of an empty event. */
async function functionProblem(
  { LOADER }: Pick<ApiEnv, "LOADER">,
  environmentId: string,
  code: string,
): Promise<string | undefined> {
  if (!LOADER) return "this account has no Worker Loader (binding LOADER): functions cannot run; use jsonata or cel";
  const [answer] = await callFunction(LOADER, environmentId, code, [
    { event: { properties: {}, context: {} }, payload: {} },
  ]);
  if (answer?.ok || !answer?.detail.match(/^the function failed:|default export/)) return undefined;
  return answer.detail;
}

function refused(problems: { path: string; message: string }[]): ApiError {
  const text = problems.slice(0, 5).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  return new ApiError("invalid_request", text.join("\n"), { details: { problems } });
}

/** Throws `invalid_request` where the environment has no such source or integration. */
export async function refuseUnknownPlace(
  db: DrizzleD1Database<typeof schema>,
  environmentId: string,
  place: Place,
): Promise<void> {
  for (const [field, table, id] of [
    ["source_id", schema.sources, place.source_id],
    ["integration_id", schema.integrations, place.integration_id],
  ] as const) {
    if (id === null) continue;
    const [row] = await db.select({ environment_id: table.environment_id }).from(table).where(eq(table.id, id));
    if (row?.environment_id !== environmentId)
      throw new ApiError("invalid_request", `${field}: ${environmentId} has no ${field.replace("_id", "")} ${id}`);
  }
}
