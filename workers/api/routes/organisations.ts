import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { getOrganisation, renameOrganisation, shownOrganisation } from "../../../db/environments.ts";
import { createOrganisation } from "../../../db/organisations.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { describe } from "../describe.ts";
import { expectedRevision, withEtag } from "../etag.ts";

const body = z.strictObject({ name: z.string().trim().min(1).max(200) });
const made = z.object({
  id: z.string(),
  name: z.string(),
  environments: z.array(z.object({ id: z.string(), name: z.enum(["dev", "staging", "prod"]) })),
  role: z.literal("admin"),
});

/** Which ones a person belongs to, GET /api/v1/me tells. */
export const organisations = new Hono<{ Bindings: ApiEnv }>()
  .post(
    "/",
    describe("Creates an organisation with the environments dev, staging and prod, whose admin is who asks", {
      body,
      answer: made,
      status: 201,
    }),
    async (c) => {
      const { name } = c.req.valid("json");
      const { user } = c.var.access;
      if (!user) throw new ApiError("forbidden", "A person creates an organisation: sign in");
      const organisation = await createOrganisation(drizzle(c.env.DB, { schema }), c.env.CONFIG, name, user.id);
      return c.json({ ...organisation, role: "admin" as const }, 201);
    },
  )
  .get("/:id", describe("Reads an organisation", { answer: shownOrganisation }), async (c) =>
    c.json(withEtag(c, await getOrganisation(drizzle(c.env.DB, { schema }), c.req.param("id")))),
  )
  .patch("/:id", describe("Renames an organisation", { body, answer: shownOrganisation }), async (c) => {
    const { name } = c.req.valid("json");
    const db = drizzle(c.env.DB, { schema });
    return c.json(withEtag(c, await renameOrganisation(db, c.req.param("id"), name, expectedRevision(c))));
  });
