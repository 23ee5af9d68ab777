/** What the routes of every versioned document have in common: which version is meant, how two differ, and who made one. */
import type { Context } from "hono";
import * as z from "zod";
import { ApiError } from "../../core/api-error.ts";
import { type Change, diffText, structuralDiff } from "../../core/structural-diff.ts";
import { type Authorship, authorship, type Version } from "../../db/configuration-versions.ts";

const versionNumber = z.coerce.number().int().min(1);

/** Throws `invalid_request`. */
export function numbered(written: string): number {
  const parsed = versionNumber.safeParse(written);
  if (!parsed.success) throw new ApiError("invalid_request", `${written.slice(0, 50)} is no version`);
  return parsed.data;
}

export interface Comparison {
  from: number;
  to: number;
  changes: Change[];
  /** The same for people, a line each. */
  text: string;
}

export function comparison(from: Version, to: Version): Comparison {
  const changes = structuralDiff(from.document, to.document);
  return { from: from.version, to: to.version, changes, text: diffText(changes) };
}

/** `?author=…&note=…`, where the body is the document itself. Throws `invalid_request`. */
export function authorshipInQuery(c: Context): Authorship {
  const parsed = authorship.safeParse(c.req.query());
  if (!parsed.success)
    throw new ApiError("invalid_request", "author and note are texts of up to 200 and 2000 characters");
  return parsed.data;
}
