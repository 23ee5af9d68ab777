/** A list of the API, page by page. */
import { get } from "./client.ts";

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A page of a thousand at a time, until `most` are here: more is for a search. */
export async function listAll<T>(
  path: string,
  query: Record<string, string | undefined>,
  signal?: AbortSignal,
  most = 10_000,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await get<Page<T>>(path, { ...query, cursor }, signal);
    all.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && all.length < most);
  return all;
}
