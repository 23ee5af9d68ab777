/** One shape for every list: `{items, next_cursor}`. A cursor is opaque: it holds the place of the last item that was seen. */
import * as z from "zod";
import { ApiError } from "../../core/api-error.ts";

const MOST_ITEMS = 500;

/** For a route's query; extend it with filters. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MOST_ITEMS).default(100),
  cursor: z.string().max(2_048).optional(),
  environment_id: z.string().optional(),
});

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });

/** Of rows of which one more than `limit` was asked for: whether there is a next page follows from it. */
export function page<T>(
  rows: T[],
  limit: number,
  placeOf: (last: T) => unknown,
): { items: T[]; next_cursor: string | null } {
  const items = rows.slice(0, limit);
  return { items, next_cursor: rows.length > limit ? writeCursor(placeOf(items.at(-1)!)) : null };
}

export const writeCursor = (place: unknown): string => Buffer.from(JSON.stringify(place)).toString("base64url");

/** Undefined: from the start. Throws `invalid_request`. */
export function readCursor<T>(cursor: string | undefined, place: z.ZodType<T>): T | undefined {
  if (cursor === undefined) return undefined;
  try {
    return place.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch {
    throw new ApiError("invalid_request", "cursor: not one of ours");
  }
}
