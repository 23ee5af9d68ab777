/**
 * A route's declaration, in front of its handler: what it is for, what it takes and what it answers, as zod schemas. What it takes is
 * parsed by it (`c.req.valid("json")`, `c.req.valid("query")`), and /api/openapi.json is written from the same schemas.
 */
import type { Context, MiddlewareHandler } from "hono";
import * as z from "zod";
import { ApiError } from "../../core/api-error.ts";
import type { ApiEnv } from "../env.ts";
import { jsonBody } from "./json-body.ts";

export interface Description {
  /** What it does, in a line. */
  summary: string;
  /** The JSON body. */
  body?: z.ZodType;
  query?: z.ZodType;
  /** The JSON that a success is answered with. Absent: none. */
  answer?: z.ZodType;
  /** Of a success; 200 where there is an answer, 204 where there is none. */
  status?: number;
  /** Media types of a body that is not JSON, or not only; the handler reads it then, and `body` is for the record. */
  takes?: string[];
  /** Media types of an answer that is not JSON. */
  gives?: string[];
}

/** As Hono types what was validated: for handlers (`out`), and for clients (`in`). */
interface Taken<D> {
  in: (D extends { body: infer S extends z.ZodType } ? { json: z.input<S> } : object) &
    (D extends { query: infer S extends z.ZodType } ? { query: z.input<S> } : object);
  out: (D extends { body: infer S extends z.ZodType } ? { json: z.output<S> } : object) &
    (D extends { query: infer S extends z.ZodType } ? { query: z.output<S> } : object);
}

const descriptions = new WeakMap<object, Description>();

/** Throws `invalid_json`, `invalid_request` naming the field, before the handler runs. */
export function describe<P extends string, const D extends Omit<Description, "summary"> = object>(
  summary: string,
  description: D = {} as D,
): MiddlewareHandler<{ Bindings: ApiEnv }, P, Taken<D>> {
  const { body, query, takes } = description as Omit<Description, "summary">;
  const middleware = async (c: Context, next: () => Promise<void>) => {
    if (query) c.req.addValidatedData("query", parsedQuery(c, query));
    if (body && !takes) c.req.addValidatedData("json", (await jsonBody(c, body)) as object);
    await next();
  };
  descriptions.set(middleware, { summary, ...description });
  return middleware as never;
}

/** Of a middleware that `describe` made. */
export const descriptionOf = (handler: object): Description | undefined => descriptions.get(handler);

function parsedQuery(c: Context, schema: z.ZodType): object {
  const parsed = schema.safeParse(c.req.query());
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  return parsed.data as object;
}
