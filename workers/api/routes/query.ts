import { Hono } from "hono";
import { query } from "../../../core/analytics/query.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";
import { runQuery } from "../run-query.ts";
import { environmentOf } from "./environment-of.ts";

export const queryRoute = new Hono<{ Bindings: ApiEnv }>();

/** Several cards with one scan (docs/analytics.md). */
queryRoute.post("/", async (c) => {
  const environment = await environmentOf(c);
  const asked = await jsonBody(c, query);
  return c.json(await runQuery(c.env, environment, asked, Date.now()));
});
