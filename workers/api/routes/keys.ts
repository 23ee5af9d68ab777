import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { revokeKey, rotateKey } from "../../../db/write-keys.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";

const DAY_S = 86_400;
const rotation = z.strictObject({
  grace_s: z
    .int()
    .min(0)
    .max(90 * DAY_S)
    .default(DAY_S),
});

/** POST /:id/rotate `{grace_s?}`: a new key, shown once; the old one opens that much longer. DELETE /:id: opens nothing any more. */
export const keys = new Hono<{ Bindings: ApiEnv }>()
  .post("/:id/rotate", async (c) => {
    const { grace_s } = await jsonBody(c, rotation);
    const { DB, CONFIG, DOOR_KEY } = c.env;
    return c.json(await rotateKey(drizzle(DB), CONFIG, DOOR_KEY, c.req.param("id"), grace_s), 201);
  })
  .delete("/:id", async (c) => c.json(await revokeKey(drizzle(c.env.DB), c.env.CONFIG, c.req.param("id"))));
