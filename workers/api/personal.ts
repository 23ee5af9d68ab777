/** Whether the caller may see personal data, and answers without it for those who may not. */
import type { Context } from "hono";
import { maskPersonal, PERSONAL } from "../../core/pii/mask-personal.ts";

/** `c.var.access` is set where rights are known; without it the caller has the admin token. */
export function hidesPersonal(c: Context): boolean {
  const access = c.get("access" as never) as { permissions: Iterable<string> } | undefined;
  return access !== undefined && !new Set(access.permissions).has("pii:read");
}

/** `body` as this caller may see it. */
export function visibleTo<T>(c: Context, body: T): T {
  return hidesPersonal(c) ? maskPersonal(body, PERSONAL) : body;
}
