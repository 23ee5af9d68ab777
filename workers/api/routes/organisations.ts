import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { createOrganisation } from "../../../db/organisations.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";

const body = z.strictObject({ name: z.string().trim().min(1).max(200) });

/** POST {name}: an organisation with the environments dev, staging and prod, whose admin is who asks. */
export const organisations = new Hono<{ Bindings: ApiEnv }>().post("/", async (c) => {
  const { name } = await jsonBody(c, body);
  const { user } = c.var.access;
  if (!user) throw new ApiError("forbidden", "A person creates an organisation: sign in");
  const made = await createOrganisation(drizzle(c.env.DB, { schema }), c.env.CONFIG, name, user.id);
  return c.json({ ...made, role: "admin" }, 201);
});
