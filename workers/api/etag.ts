/** Entity tags: a row's revision. Who sends `If-Match` changes only what they have seen (RFC 9110, section 13.1.1). */
import type { Context } from "hono";
import { ApiError } from "../../core/api-error.ts";

/** Sets the header, and answers the rest of the row. */
export function withEtag<T extends { revision: number }>(c: Context, { revision, ...shown }: T): Omit<T, "revision"> {
  c.header("etag", `"${revision}"`);
  return shown;
}

/** The revision that the caller has seen; undefined: any will do. Throws `precondition_failed` for a tag that none of ours can be. */
export function expectedRevision(c: Context): number | undefined {
  const given = c.req.header("if-match")?.trim();
  if (given === undefined || given === "*") return undefined;
  const [, revision] = /^(?:W\/)?"(\d+)"$/.exec(given) ?? [];
  if (revision === undefined) throw new ApiError("precondition_failed", "If-Match: this is none of our entity tags");
  return Number(revision);
}
