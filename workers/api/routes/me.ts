import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { listOrganisations } from "../../../db/organisations.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { permissionsOfMember } from "../access.ts";

/**
 * GET: who asks, `{user, actor, organisations: [{id, name, role, environments, permissions}], permissions}`; `permissions` on top are those
 * in any of them. With the admin token `user` is null, and all organisations are there.
 */
export const me = new Hono<{ Bindings: ApiEnv }>().get("/", async (c) => {
  const { actor, user, memberships, permissions } = c.var.access;
  const everything = actor.type === "admin_token";
  const known = await listOrganisations(
    drizzle(c.env.DB, { schema }),
    everything ? undefined : memberships.map((one) => one.organisation_id),
  );
  const organisations = known.map((one) => {
    const membership = memberships.find((member) => member.organisation_id === one.id);
    return {
      ...one,
      role: membership?.role ?? "admin",
      permissions: [...(membership ? permissionsOfMember(membership) : permissions)],
    };
  });
  return c.json({
    user: user
      ? {
          id: user.id,
          name: user.name,
          email: user.email,
          email_verified: user.emailVerified,
          image: user.image,
          two_factor_enabled: user.twoFactorEnabled ?? false,
        }
      : null,
    actor,
    organisations,
    permissions: everything ? [...permissions] : [...new Set(organisations.flatMap((one) => one.permissions))],
  });
});
