/**
 * Who asks, for which organisation, and whether they may: before every route under /api. Sets `c.var.access`. Ids of another organisation
 * answer 404, as ids that do not exist; nothing tells the two apart.
 */
import { timingSafeEqual } from "node:crypto";
import { drizzle } from "drizzle-orm/d1";
import type { Context, MiddlewareHandler } from "hono";
import { ApiError } from "../../core/api-error.ts";
import { sha256 } from "../../core/hash.ts";
import { grantable, isRole, type Permission, permissionNames, permissionsOf } from "../../core/roles.ts";
import { openApiToken } from "../../db/api-tokens.ts";
import { type Membership, membershipsOf } from "../../db/organisations.ts";
import * as schema from "../../db/schema.ts";
import type { ApiEnv } from "../env.ts";
import { openLiveTicket } from "./accounts/live-ticket.ts";
import { type User, userOfSession } from "./accounts/session.ts";
import { organisationsNamed } from "./owners.ts";
import { ruleFor } from "./permissions.ts";

export interface Access {
  actor: { type: "admin_token" | "user" | "api_key" | "personal_token"; id: string; name: string };
  /** Whose things may be touched. Null: everybody's with the admin token, nobody's on routes that are about the caller alone. */
  organisation_id: string | null;
  role: string;
  permissions: ReadonlySet<Permission>;
  /** Absent: nobody's own, as an API key is. */
  user?: User;
  memberships: Membership[];
}

declare module "hono" {
  interface ContextVariableMap {
    access: Access;
  }
}

const DAY_MS = 86_400_000;
/** How long an address may stay unproven. */
const UNVERIFIED_MS = 7 * DAY_MS;

export const authorise: MiddlewareHandler<{ Bindings: ApiEnv }> = async (c, next) => {
  const rule = ruleFor(c.req.method, c.req.path);
  if (rule?.right === "public") return next();
  const caller = await callerOf(c);
  if (!caller) throw new ApiError("unauthenticated", "Sign in, or send a token as a bearer token");
  if (caller.actor.type === "admin_token") {
    c.set("access", { ...caller, organisation_id: null, role: "admin", permissions: new Set(permissionNames) });
    return next();
  }
  if (rule?.right === "signed_in") {
    c.set("access", { ...caller, organisation_id: null, role: "", permissions: new Set() });
    return next();
  }
  const params = rule?.pattern.exec(c.req.path)?.groups ?? {};
  const membership = membershipFor(caller, await organisationsNamed(c, rule?.owned, params.id));
  const permissions = allowed(membership, caller.scopes);
  if (!rule) {
    // Also where a colleague forgot the table: closed, not open.
    throw new ApiError("not_found", `There is no ${c.req.method} ${c.req.path}`);
  }
  if (!permissions.has(rule.right as Permission))
    throw new ApiError("forbidden", `That needs ${rule.right}, which ${membership.role} does not have`);
  c.set("access", { ...caller, organisation_id: membership.organisation_id, role: membership.role, permissions });
  await next();
};

interface Caller extends Pick<Access, "actor" | "user" | "memberships"> {
  /** Of a token: what it is confined to. */
  scopes?: string[];
}

async function callerOf(c: Context<{ Bindings: ApiEnv }>): Promise<Caller | undefined> {
  const written = c.req.header("authorization");
  if (written !== undefined) return bearer(c.env, written.replace(/^Bearer +/i, ""));
  const ticket = /^\/api\/v1\/live(\/events)?$/.test(c.req.path) ? c.req.query("ticket") : undefined;
  if (ticket !== undefined) return ofTicket(c, ticket);
  const user = await userOfSession(c);
  if (!user) return undefined;
  refuseForeignOrigin(c);
  if (!user.emailVerified && Date.now() - user.createdAt.getTime() > UNVERIFIED_MS)
    throw new ApiError("email_not_verified", "Confirm your e-mail address first: the link is in your mail");
  return ofUser(c.env, user);
}

async function ofUser(env: ApiEnv, user: User): Promise<Caller> {
  const memberships = await membershipsOf(drizzle(env.DB, { schema }), user.id);
  return { actor: { type: "user", id: user.id, name: user.name }, user, memberships };
}

async function bearer(env: ApiEnv, token: string): Promise<Caller | undefined> {
  if (isAdminToken(env, token))
    return { actor: { type: "admin_token", id: "admin_token", name: "Admin token" }, memberships: [] };
  if (!/^mr[kp]_/.test(token)) return undefined;
  const db = drizzle(env.DB, { schema });
  const row = await openApiToken(db, token);
  if (!row) return undefined;
  const { id, name, organisation_id, user_id, scopes } = row;
  // A key is a member by itself: everything that it was given, and no more.
  if (user_id === null)
    return {
      actor: { type: "api_key", id, name },
      memberships: [{ organisation_id, role: "api_key", permissions: scopes }],
      scopes,
    };
  // Less than its person as soon as they are: asked now, not when it was made.
  const memberships = (await membershipsOf(db, user_id)).filter((one) => one.organisation_id === organisation_id);
  return { actor: { type: "personal_token", id, name }, memberships, scopes };
}

async function ofTicket(c: Context<{ Bindings: ApiEnv }>, ticket: string): Promise<Caller | undefined> {
  const opened = openLiveTicket(c.env, ticket);
  if (!opened || opened.environment_id !== c.req.query("environment_id")) return undefined;
  const { actor, organisation_id } = opened;
  if (organisation_id === null) return { actor, memberships: [] };
  return { actor, memberships: [{ organisation_id, role: "ticket", permissions: ["live:read"] }] };
}

/** Hashes, because timingSafeEqual wants equal lengths. */
const isAdminToken = ({ ADMIN_TOKEN }: ApiEnv, token: string) =>
  Boolean(ADMIN_TOKEN && token) && timingSafeEqual(Buffer.from(sha256(token)), Buffer.from(sha256(ADMIN_TOKEN)));

/** A browser sends cookies along for other sites' pages too, but says whose page it was. A WebSocket is no GET in that. */
function refuseForeignOrigin(c: Context<{ Bindings: ApiEnv }>): void {
  if (/^(GET|HEAD)$/.test(c.req.method) && !c.req.header("upgrade")) return;
  const ours = new URL(c.env.PUBLIC_URL ?? c.req.url).origin;
  if (c.req.header("origin") !== ours)
    throw new ApiError("origin_not_allowed", "With a cookie, this is answered to our own pages only");
}

/** Throws `not_found` for organisations that are not the caller's, `forbidden` and `invalid_request` where none can be meant. */
function membershipFor({ memberships }: Caller, named: string[]): Membership {
  if (named.length > 1) throw new ApiError("not_found", "Those are not of one organisation");
  if (named.length === 1) {
    const found = memberships.find((one) => one.organisation_id === named[0]);
    if (!found) throw new ApiError("not_found", "There is no such thing in your organisations");
    return found;
  }
  const [only, another] = memberships;
  if (!only) throw new ApiError("forbidden", "You belong to no organisation yet");
  if (another)
    throw new ApiError(
      "invalid_request",
      "You belong to several organisations: name an environment_id or organisation_id",
    );
  return only;
}

function allowed({ role, permissions }: Membership, scopes?: string[]): ReadonlySet<Permission> {
  // An own role's name is never one of ours (routes/roles.ts); one that was deleted allows nothing.
  const has = isRole(role) ? permissionsOf(role) : new Set(permissions ?? []);
  return new Set(grantable.filter((one) => has.has(one) && (!scopes || scopes.includes(one))));
}

export const permissionsOfMember = (membership: Membership) => allowed(membership);
