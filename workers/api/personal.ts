/** Whether the caller may see personal data, and answers without it for those who may not. */
import type { Context } from "hono";
import { maskPersonal, PERSONAL } from "../../core/pii/mask-personal.ts";

export function hidesPersonal(c: Context): boolean {
  return !c.get("access").permissions.has("pii:read");
}

/** `body` as this caller may see it. */
export function visibleTo<T>(c: Context, body: T): T {
  return hidesPersonal(c) ? maskPersonal(body, PERSONAL) : body;
}
