import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import {
  createOrganisation,
  getOrganisation,
  listOrganisations,
  newOrganisation,
  renameOrganisation,
  shownOrganisation,
} from "../../../db/environments.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { describe } from "../describe.ts";
import { expectedRevision, withEtag } from "../etag.ts";
import { page, pageOf, pageQuery, readCursor } from "../page.ts";

export const organisations = new Hono<{ Bindings: ApiEnv }>()
  .get("/", describe("Lists organisations", { query: pageQuery, answer: pageOf(shownOrganisation) }), async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const after = readCursor(cursor, z.string());
    const rows = await listOrganisations(drizzle(c.env.DB, { schema }), { after, limit: limit + 1 });
    const { items, next_cursor } = page(rows, limit, ({ id }) => id);
    return c.json({ items: items.map(({ revision: _, ...shown }) => shown), next_cursor });
  })
  .post(
    "/",
    describe("Creates an organisation", { body: newOrganisation, answer: shownOrganisation, status: 201 }),
    async (c) => c.json(withEtag(c, await createOrganisation(drizzle(c.env.DB, { schema }), c.req.valid("json"))), 201),
  )
  .get("/:id", describe("Reads an organisation", { answer: shownOrganisation }), async (c) =>
    c.json(withEtag(c, await getOrganisation(drizzle(c.env.DB, { schema }), c.req.param("id")))),
  )
  .patch(
    "/:id",
    describe("Renames an organisation", { body: newOrganisation.pick({ name: true }), answer: shownOrganisation }),
    async (c) => {
      const { name } = c.req.valid("json");
      const db = drizzle(c.env.DB, { schema });
      return c.json(withEtag(c, await renameOrganisation(db, c.req.param("id"), name, expectedRevision(c))));
    },
  );
