import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import {
  deleteWebhook,
  listWebhooks,
  makeWebhook,
  setWebhookSecret,
  type WebhookStore,
} from "../../../db/payment-webhooks.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { providers } from "../../ingest/webhooks/index.ts";
import { jsonBody } from "../json-body.ts";
import { environmentOf } from "./environment-of.ts";

const secret = z.string().min(6).max(500);
const made = z.strictObject({ source_id: z.string().max(64), provider: z.enum(Object.keys(providers)), secret });

/**
 * Where payment providers send what they tell (docs/revenue.md). The secret that a provider signs with is sealed and never shown.
 *
 *     GET    /                                 which there are
 *     POST   / {source_id, provider, secret}   another; the answer's `path` goes into the provider's settings
 *     PATCH  /:id {secret}                     the provider signs with another secret
 *     DELETE /:id
 */
export const paymentWebhooks = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => c.json({ payment_webhooks: await listWebhooks(await storeOf(c)) }))
  .post("/", async (c) => {
    const body = await jsonBody(c, made);
    return c.json(await makeWebhook(await storeOf(c), body), 201);
  })
  .patch("/:id", async (c) => {
    const body = await jsonBody(c, z.strictObject({ secret }));
    return c.json(await setWebhookSecret(await storeOf(c), c.req.param("id"), body.secret));
  })
  .delete("/:id", async (c) => {
    await deleteWebhook(await storeOf(c), c.req.param("id"));
    return c.body(null, 204);
  });

async function storeOf(c: Context<{ Bindings: ApiEnv }>): Promise<WebhookStore> {
  const { DB, CONFIG, DOOR_KEY } = c.env;
  const { id } = await environmentOf(c);
  return { db: drizzle(DB, { schema }), kv: CONFIG, doorKey: DOOR_KEY, environmentId: id };
}
