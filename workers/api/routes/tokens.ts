/** API keys (`/api/v1/api-keys`, the organisation's) and personal tokens (`/api/v1/tokens`, the caller's): the same but for whose they are. */
import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { grantable, type Permission } from "../../../core/roles.ts";
import { type Holder, listApiTokens, makeApiToken, revokeApiToken, rotateApiToken } from "../../../db/api-tokens.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { permissionsOfMember } from "../access.ts";
import { jsonBody } from "../json-body.ts";

type C = Context<{ Bindings: ApiEnv }>;

const scope = z.enum(grantable as [Permission, ...Permission[]]);
const newKey = z.strictObject({
  name: z.string().trim().min(1).max(200),
  scopes: z.array(scope).min(1).max(100),
  /** Absent: it stays until it is revoked. */
  expires_at: z.iso.datetime().optional(),
});
const newPersonal = newKey.extend({ organisation_id: z.string().optional() });
const rotation = z.strictObject({
  /** How long the old token opens. */
  grace_s: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400),
});

/** GET; POST {name, scopes, expires_at?}: the token, once; POST /:token_id/rotate {grace_s}; DELETE /:token_id. */
export const apiKeys = tokenRoutes("keys", async (c) => {
  const given = await jsonBody(c, newKey);
  const { organisation_id, permissions } = organisationMeant(c);
  return { ...given, organisation_id, user_id: null, has: permissions };
});

export const personalTokens = tokenRoutes("tokens", async (c) => {
  const { organisation_id, ...given } = await jsonBody(c, newPersonal);
  const { user, memberships } = c.var.access;
  const possible = memberships.filter((one) => !organisation_id || one.organisation_id === organisation_id);
  if (!user) throw noPerson();
  if (possible.length === 0) throw new ApiError("not_found", "There is no such thing in your organisations");
  if (possible.length > 1) throw new ApiError("invalid_request", "organisation_id: you belong to several");
  const [membership] = possible as [(typeof possible)[0]];
  const has = permissionsOfMember(membership);
  return { ...given, organisation_id: membership.organisation_id, user_id: user.id, has };
});

interface Given extends z.infer<typeof newKey> {
  organisation_id: string;
  user_id: string | null;
  has: ReadonlySet<Permission>;
}

function tokenRoutes(name: "keys" | "tokens", given: (c: C) => Promise<Given>) {
  const database = (c: C) => drizzle(c.env.DB, { schema });
  const holder = (c: C): Holder => {
    if (name === "keys") return { organisation_id: organisationMeant(c).organisation_id, user_id: null };
    if (!c.var.access.user) throw noPerson();
    return { user_id: c.var.access.user.id };
  };
  return new Hono<{ Bindings: ApiEnv }>()
    .get("/", async (c) => c.json({ [name]: await listApiTokens(database(c), holder(c)) }))
    .post("/", async (c) => {
      const { has, expires_at = null, ...rest } = await given(c);
      const beyond = rest.scopes.find((one) => !has.has(one));
      if (beyond) throw new ApiError("forbidden", `You cannot give ${beyond}: you do not have it`);
      if (expires_at !== null && expires_at <= new Date().toISOString())
        throw new ApiError("invalid_request", "expires_at has passed");
      return c.json(await makeApiToken(database(c), { ...rest, expires_at }), 201);
    })
    .post("/:token_id/rotate", async (c) => {
      const { grace_s } = await jsonBody(c, rotation);
      return c.json(await rotateApiToken(database(c), holder(c), c.req.param("token_id"), grace_s));
    })
    .delete("/:token_id", async (c) => {
      await revokeApiToken(database(c), holder(c), c.req.param("token_id"));
      return c.json({ revoked: true });
    });
}

/** With the admin token any; `?organisation_id` names it. */
function organisationMeant(c: C) {
  const { organisation_id, permissions } = c.var.access;
  const id = organisation_id ?? c.req.query("organisation_id");
  if (!id) throw new ApiError("invalid_request", "Name an organisation_id");
  return { organisation_id: id, permissions };
}

const noPerson = () => new ApiError("forbidden", "Personal tokens are a signed-in person's: sign in");
