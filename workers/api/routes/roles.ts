/** Roles: those that every organisation has, and its own; `/api/v1/organisations/:id/roles`. */
import { and, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { grantable, isRole, type Permission, permissionsOf, ROLE_LEVELS, type Role } from "../../../core/roles.ts";
import { invitations, members, roles as table } from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import type { Access } from "../access.ts";
import { jsonBody } from "../json-body.ts";

const permissions = z.array(z.enum(grantable as [Permission, ...Permission[]])).max(100);
const body = z.strictObject({ permissions });
/** `api_key` and `ticket` are what access.ts calls those that are no members. */
const ownName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{1,63}$/)
  .refine((name) => !isRole(name) && name !== "api_key" && name !== "ticket");

/** GET: the built-in ones with their level, then the own ones. PUT /:name {permissions}; DELETE /:name, unless somebody has it. */
export const roles = new Hono<{ Bindings: ApiEnv }>()
  .get("/:id/roles", async (c) => {
    const own = await drizzle(c.env.DB)
      .select({ name: table.name, permissions: table.permissions })
      .from(table)
      .where(eq(table.organisation_id, c.req.param("id")));
    const builtIn = (Object.keys(ROLE_LEVELS) as Role[]).map((name) => ({
      name,
      level: ROLE_LEVELS[name],
      permissions: [...permissionsOf(name)],
      built_in: true,
    }));
    return c.json({ roles: [...builtIn, ...own.map((one) => ({ ...one, level: null, built_in: false }))] });
  })
  .put("/:id/roles/:name", async (c) => {
    const given = await jsonBody(c, body);
    const { id: organisation_id, name } = c.req.param();
    if (!ownName.safeParse(name).success)
      throw new ApiError("invalid_request", "name: 2 to 64 of a–z, 0–9, _ and -, and none of the built-in roles");
    requireWithin(given.permissions, c.var.access.permissions);
    await drizzle(c.env.DB)
      .insert(table)
      .values({ organisation_id, name, ...given })
      .onConflictDoUpdate({ target: [table.organisation_id, table.name], set: given });
    return c.json({ name, ...given, level: null, built_in: false });
  })
  .delete("/:id/roles/:name", async (c) => {
    const { id, name } = c.req.param();
    const db = drizzle(c.env.DB);
    const [held, promised] = await Promise.all([
      db.$count(members, and(eq(members.organisation_id, id), eq(members.role, name))),
      db.$count(invitations, and(eq(invitations.organisation_id, id), eq(invitations.role, name))),
    ]);
    if (held + promised > 0) throw new ApiError("conflict", `${held + promised} members or invitations have this role`);
    const gone = await db
      .delete(table)
      .where(and(eq(table.organisation_id, id), eq(table.name, name)))
      .returning();
    if (gone.length === 0) throw new ApiError("not_found", `No role ${name.slice(0, 64)} of this organisation's own`);
    return c.json({ deleted: true });
  });

/** Throws `invalid_request` for a role that the organisation does not have, `forbidden` for one that can do more than who gives it. */
export async function requireRole(db: D1Database, organisationId: string, name: string, { permissions }: Access) {
  if (isRole(name)) return requireWithin(permissionsOf(name), permissions);
  const mine = and(eq(table.organisation_id, organisationId), eq(table.name, name));
  const [own] = await drizzle(db).select().from(table).where(mine);
  if (!own) throw new ApiError("invalid_request", `role: there is no ${name}`);
  requireWithin(own.permissions as Permission[], permissions);
}

/** Nobody gives what they do not have, to themselves among others. */
export function requireWithin(given: Iterable<Permission>, has: ReadonlySet<Permission>): void {
  for (const one of given)
    if (!has.has(one)) throw new ApiError("forbidden", `You cannot give ${one}: you do not have it`);
}
