/** Who belongs to an organisation, as what, and who is asked to: `/api/v1/organisations/:id/{members,invitations}`. */
import { and, eq, gt, ne, or, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { sha256 } from "../../../core/hash.ts";
import { randomToken } from "../../../core/pkce.ts";
import { invitations as invited, organisations, members as table, users } from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { sendMail } from "../../mail/send-mail.ts";
import { jsonBody } from "../json-body.ts";
import { requireRole } from "./roles.ts";

const INVITATION_MS = 7 * 86_400_000;
const role = z.string().min(1).max(64);
const newInvitation = z.strictObject({ email: z.email().max(320).toLowerCase(), role });
const acceptance = z.strictObject({ token: z.string().min(1).max(200) });

/** GET /:id/members; PATCH /:id/members/:user_id {role}; DELETE. The last admin stays one. GET, POST, DELETE /:id/invitations. */
export const members = new Hono<{ Bindings: ApiEnv }>()
  .get("/:id/members", async (c) => {
    const rows = await drizzle(c.env.DB)
      .select({ user_id: users.id, name: users.name, email: users.email, role: table.role, since: table.created_at })
      .from(table)
      .innerJoin(users, eq(users.id, table.user_id))
      .where(eq(table.organisation_id, c.req.param("id")))
      .orderBy(users.name, users.id);
    return c.json({ members: rows });
  })
  .patch("/:id/members/:user_id", async (c) => {
    const given = await jsonBody(c, z.strictObject({ role }));
    await requireRole(c.env.DB, c.req.param("id"), given.role, c.var.access);
    await requireNotAbove(c);
    const changed = await drizzle(c.env.DB)
      .update(table)
      .set(given)
      .where(and(one(c), given.role === "admin" ? undefined : notLastAdmin(c)))
      .returning();
    if (changed.length === 0) throw await whyNot(c);
    return c.json(changed[0]);
  })
  .delete("/:id/members/:user_id", async (c) => {
    await requireNotAbove(c);
    const gone = await drizzle(c.env.DB)
      .delete(table)
      .where(and(one(c), notLastAdmin(c)))
      .returning();
    if (gone.length === 0) throw await whyNot(c);
    return c.json({ removed: true });
  })
  .get("/:id/invitations", async (c) => {
    const rows = await drizzle(c.env.DB)
      .select()
      .from(invited)
      .where(eq(invited.organisation_id, c.req.param("id")));
    return c.json({ invitations: rows.map(({ token_hash: _, ...shown }) => shown) });
  })
  .post("/:id/invitations", async (c) => {
    const given = await jsonBody(c, newInvitation);
    const organisation_id = c.req.param("id");
    await requireRole(c.env.DB, organisation_id, given.role, c.var.access);
    const db = drizzle(c.env.DB);
    const [organisation] = await db.select().from(organisations).where(eq(organisations.id, organisation_id));
    if (!organisation) throw new ApiError("not_found", `No organisation ${organisation_id.slice(0, 64)}`);
    const token = randomToken();
    const row = {
      id: `inv_${randomToken().slice(0, 16)}`,
      organisation_id,
      ...given,
      token_hash: sha256(token),
      invited_by: c.var.access.actor.id,
      created_at: new Date().toISOString(),
      expires_at: new Date(Date.now() + INVITATION_MS).toISOString(),
    };
    await db.insert(invited).values(row);
    await sendMail(c.env, {
      to: given.email,
      subject: `Join ${organisation.name} on Millrace`,
      text: `${c.var.access.actor.name} invites you to ${organisation.name} as ${given.role}. Within seven days:\n${
        new URL(c.env.PUBLIC_URL ?? c.req.url).origin
      }/invitations/${token}`,
    });
    const { token_hash: _, ...shown } = row;
    return c.json(shown, 201);
  })
  .delete("/:id/invitations/:invitation_id", async (c) => {
    const { id, invitation_id } = c.req.param();
    const mine = and(eq(invited.organisation_id, id), eq(invited.id, invitation_id));
    const gone = await drizzle(c.env.DB).delete(invited).where(mine).returning();
    if (gone.length === 0) throw new ApiError("not_found", `No invitation ${invitation_id.slice(0, 64)}`);
    return c.json({ withdrawn: true });
  });

/** POST /accept {token}: whoever is signed in with the address that was invited. The token came to that address, so it is proven now. */
export const acceptInvitation = new Hono<{ Bindings: ApiEnv }>().post("/accept", async (c) => {
  const { token } = await jsonBody(c, acceptance);
  const { user } = c.var.access;
  if (!user) throw new ApiError("forbidden", "A person accepts an invitation: sign in");
  const db = drizzle(c.env.DB);
  const created_at = new Date().toISOString();
  // Deleting it decides between two that accept at once.
  const [found] = await db
    .delete(invited)
    .where(
      and(eq(invited.token_hash, sha256(token)), eq(invited.email, user.email), gt(invited.expires_at, created_at)),
    )
    .returning();
  if (!found) throw new ApiError("not_found", "There is no such invitation for your address, or it has expired");
  const { organisation_id, role } = found;
  await db.batch([
    // Whoever is a member already keeps their role: an old invitation must not take rights away.
    db.insert(table).values({ organisation_id, user_id: user.id, role, created_at }).onConflictDoNothing(),
    db.update(users).set({ emailVerified: true }).where(eq(users.id, user.id)),
  ]);
  return c.json({ organisation_id, role });
});

type C = Context<{ Bindings: ApiEnv }, "/:id/members/:user_id">;

const one = (c: C) => and(eq(table.organisation_id, c.req.param("id")), eq(table.user_id, c.req.param("user_id")));

/** In the statement itself: two admins who remove each other at once must not both succeed. */
const notLastAdmin = (c: C) =>
  or(
    ne(table.role, "admin"),
    sql`(SELECT COUNT(*) FROM members AS m WHERE m.organisation_id = ${c.req.param("id")} AND m.role = 'admin') > 1`,
  );

/** Whoever can do more than the caller is not the caller's to change. */
async function requireNotAbove(c: C): Promise<void> {
  const [there] = await drizzle(c.env.DB).select().from(table).where(one(c));
  if (there) await requireRole(c.env.DB, there.organisation_id, there.role, c.var.access);
}

async function whyNot(c: C): Promise<ApiError> {
  const [there] = await drizzle(c.env.DB).select().from(table).where(one(c));
  return there
    ? new ApiError("conflict", "An organisation needs an admin: make somebody else one first")
    : new ApiError("not_found", `No member ${c.req.param("user_id").slice(0, 64)}`);
}
