import { queryOptions } from "@tanstack/react-query";
import type { Event } from "../../../core/event.ts";
import { get } from "./client.ts";

export interface Identifier {
  kind: string;
  value: string;
  since?: string;
}

export interface Person {
  person_id: string;
  identifiers: Identifier[];
  merged_from: string[];
  traits: Record<string, unknown>;
  computed_traits: Record<string, { value: unknown; at_least?: true }>;
  first_seen: number;
  last_seen: number;
  events: number;
  first_touch: Record<string, unknown> | null;
  last_touch: Record<string, unknown> | null;
  consent: {
    current: Record<string, boolean | string>;
    answers: { at: number; message_id: string; source_id: string; answer: Record<string, unknown> }[];
    given: number;
  };
  refused_links: { kind: string; between: [Identifier, Identifier]; reason: string; at: string; message_id: string }[];
  cancelled_links: { kind: string; between: [Identifier, Identifier]; by: string; at: string; message_id: string }[];
}

export interface FoundPerson {
  person_id: string;
  traits?: Record<string, unknown>;
  identifiers?: Identifier[];
  [more: string]: unknown;
}

export interface Timeline {
  events: { source_id: string; event: Event }[];
  next?: string;
}

export const searchQuery = (environment_id: string, q: string) =>
  queryOptions({
    queryKey: ["people", environment_id, "search", q],
    queryFn: async ({ signal }) =>
      (await get<{ people: FoundPerson[] }>("/api/v1/profiles", { environment_id, q, limit: 100 }, signal)).people,
    enabled: q !== "",
  });

export const personQuery = (environment_id: string, who: string) =>
  queryOptions({
    queryKey: ["people", environment_id, who],
    queryFn: ({ signal }) => get<Person>(`/api/v1/profiles/${encodeURIComponent(who)}`, { environment_id }, signal),
  });

/** As a path names one. */
export const named = ({ kind, value }: Identifier) => `${kind}:${value}`;
