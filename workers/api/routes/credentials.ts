import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { rotateCredentials } from "../../../db/rotate-credentials.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";

const page = z.strictObject({ after: z.string().max(64).default("") });

/** POST /rotate `{after?}`: seals credentials under the newest key, a page at a time; `next` says that there is more (docs/credentials.md). */
export const credentials = new Hono<{ Bindings: ApiEnv }>().post("/rotate", async (c) => {
  const { after } = await jsonBody(c, page);
  const { DB, CONFIG, INTEGRATION_GATE, CREDENTIALS_KEY } = c.env;
  return c.json(await rotateCredentials(drizzle(DB, { schema }), CONFIG, INTEGRATION_GATE, CREDENTIALS_KEY, after));
});
