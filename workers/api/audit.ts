/** The audit of the management API: what is changed, by whom. One middleware over all routes that change something; sign-ins call `recordAudit`. */
import type { MiddlewareHandler } from "hono";
import type { AuditEntry } from "../../core/audit-chain.ts";
import { maskPersonal, PERSONAL } from "../../core/pii/mask-personal.ts";
import { isRecord } from "../../core/values.ts";
import type { ApiEnv } from "../env.ts";
import type { Access } from "./access.ts";

const MOST_CHARACTERS = 8_000;
/** Whose records belong to no organisation of their own: those of the admin token where there are several. */
export const OPERATOR = "operator";

/** Durable when it resolves. */
export async function recordAudit(env: Pick<ApiEnv, "AUDIT_LOG">, entry: AuditEntry): Promise<void> {
  await env.AUDIT_LOG.getByName(entry.organisation_id).append(entry);
}

/** Methods that change nothing. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Records what succeeded, with what was asked for as `after`. Of settings only the names are kept, since which of them are secret each
 * destination says for itself; personal data and anything that looks like a token is masked. The answer waits for the record.
 */
export const audit: MiddlewareHandler<{ Bindings: ApiEnv }> = async (c, next) => {
  if (SAFE.has(c.req.method)) return next();
  const copy = c.req.raw.clone();
  await next();
  if (c.res.status >= 400) return;
  // Absent on public routes; typed as always there.
  const access = c.get("access") as Access | undefined;
  const { pathname, search } = new URL(c.req.url);
  await recordAudit(c.env, {
    organisation_id: access?.organisation_id ?? (await organisationOf(c.env.DB, c.req.query("environment_id"))),
    actor: access ? `${access.actor.type}:${access.actor.id}` : "anybody",
    action: `${c.req.method} ${c.req.routePath === "/api/*" ? pathname : c.req.routePath}`,
    subject: `${pathname}${search}`.slice(0, 2_000),
    after: await askedFor(copy),
    request_id: c.res.headers.get("x-request-id") ?? crypto.randomUUID(),
    ip: c.req.header("cf-connecting-ip") ?? "",
  });
};

async function organisationOf(db: D1Database, environmentId: string | undefined): Promise<string> {
  const named = environmentId !== undefined;
  const query = `SELECT organisation_id AS id FROM environments ${named ? "WHERE id = ?" : ""} GROUP BY organisation_id LIMIT 2`;
  const { results } = await db
    .prepare(query)
    .bind(...(named ? [environmentId] : []))
    .all<{ id: string }>();
  return results.length === 1 ? results[0]!.id : OPERATOR;
}

async function askedFor(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text === "") return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return `${text.length} characters that are no JSON`;
  }
  const shown = maskPersonal(withoutSettings(body), PERSONAL);
  const length = JSON.stringify(shown).length;
  return length > MOST_CHARACTERS ? { keys: isRecord(shown) ? Object.keys(shown) : [], characters: length } : shown;
}

/** Names under which secrets of customers come, whatever they hold. */
const HOLDS_SECRETS = /^(settings|secrets?|credentials?|payload|headers|code|.*(password|token|secret|_key))$/i;

function withoutSettings(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSettings);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, HOLDS_SECRETS.test(key) ? namesIn(one) : withoutSettings(one)]),
  );
}

const namesIn = (value: unknown) =>
  isRecord(value) ? Object.fromEntries(Object.keys(value).map((name) => [name, "•••"])) : "•••";
