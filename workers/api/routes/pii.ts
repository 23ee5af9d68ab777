import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { piiKeysOf } from "../../../core/pii/pii-keys.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";
import { environmentOf } from "./environment-of.ts";

const tokens = z.strictObject({ tokens: z.array(z.string().max(20_000)).min(1).max(100) });

/** POST /reveal `{tokens}`: what the organisation of `?environment_id` has tokenised; null for what is no token of its. */
export const piiRoutes = new Hono<{ Bindings: ApiEnv }>().post("/reveal", async (c) => {
  const { tokens: asked } = await jsonBody(c, tokens);
  const { organisation_id } = await environmentOf(c);
  const keys = piiKeysOf(c.env.PII_KEY, organisation_id);
  if (!keys) throw new ApiError("conflict", "This Worker has no PII_KEY, so there are no tokens");
  return c.json({ values: asked.map((token) => keys.open(token) ?? null) });
});
