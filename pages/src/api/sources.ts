import { queryOptions } from "@tanstack/react-query";
import type { Source } from "../../../core/environment.ts";
import { ask, get, post } from "./client.ts";
import { listAll } from "./list.ts";
import { newId } from "./new-id.ts";

export type { Source } from "../../../core/environment.ts";

export interface Key {
  id: string;
  form: "public" | "server" | "app";
  /** Its last letters. */
  hint: string;
  created_at: string;
  /** Of a key that was rotated: until when it still opens. */
  expires_at: string | null;
  revoked: boolean;
}

/** A key is shown when it is made, and never again. */
export interface MadeKey {
  id: string;
  key: string;
  secret?: string;
}

interface CreatedSource {
  source: Source;
  created_keys: { kind: "public" | "server"; key: string }[];
}

/** With a key of each kind; the public one stays in this tab's memory until its snippet was copied. */
export async function createSource(environment_id: string, name: string): Promise<Source> {
  const { source, created_keys } = await post<CreatedSource>(
    "/api/v1/sources",
    { id: newId("src", name), name },
    { environment_id },
  );
  const found = created_keys.find(({ kind }) => kind === "public");
  if (found) freshKeys.set(source.id, found.key);
  return source;
}

/** By source: keys that were made in this tab, which the server shows only once. */
export const freshKeys = new Map<string, string>();

export const sourcesQuery = (environment_id: string) =>
  queryOptions({
    queryKey: ["sources", environment_id],
    queryFn: ({ signal }) => listAll<Source>("/api/v1/sources", { environment_id }, signal),
  });

export const sourceQuery = (environment_id: string, id: string) =>
  queryOptions({
    queryKey: ["sources", environment_id, id],
    queryFn: ({ signal }) =>
      ask<Source>("GET", `/api/v1/sources/${encodeURIComponent(id)}`, { query: { environment_id }, signal }),
  });

export const keysQuery = (environment_id: string, id: string) =>
  queryOptions({
    queryKey: ["keys", environment_id, id],
    queryFn: async ({ signal }) =>
      (await get<{ keys: Key[] }>(`/api/v1/sources/${encodeURIComponent(id)}/keys`, { environment_id }, signal)).keys,
  });
