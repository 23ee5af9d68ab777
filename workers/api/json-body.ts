import type { Context } from "hono";
import * as z from "zod";
import { ApiError } from "../../core/api-error.ts";

/** The request's body as the schema wants it; no body counts as `{}`. Throws `invalid_json`, `invalid_request` naming the field. */
export async function jsonBody<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await c.req.text();
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new ApiError("invalid_json", "The body is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  return parsed.data;
}
