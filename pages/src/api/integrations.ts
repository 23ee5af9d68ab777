import { queryOptions } from "@tanstack/react-query";
import type { BoardLine } from "../../../core/delivery-counters.ts";
import { ask, get } from "./client.ts";
import { listAll } from "./list.ts";
import type { GateFailure } from "./status.ts";

export interface Integration {
  id: string;
  name: string;
  destination: string;
  enabled: boolean;
  purpose?: string;
  source_ids?: string[];
  /** Without the secrets. */
  settings: Record<string, unknown>;
  /** The names of those settings that are secrets. */
  secret_settings?: string[];
}

/** A destination of the catalogue. */
export interface Destination {
  name: string;
  title: string;
  purpose: string;
  /** JSON Schema of what it wants to be told. */
  settings_schema: JsonSchema;
}

export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
  additionalProperties?: boolean | JsonSchema;
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  /** A secret: sealed when it is saved, and never shown again. */
  writeOnly?: boolean;
}

export interface Board {
  state: string;
  reason: string | null;
  total: BoardLine;
  lines?: (BoardLine & { key: string })[];
  failed_samples: GateFailure[];
}

export interface TestResult {
  event: unknown;
  payload?: unknown;
  outcome: string;
  reason: string | null;
  detail?: string | null;
  request?: { url: string; method: string; body: string };
  response?: { status: number; body: string; ms: number } | { error: string; ms: number };
}

const SPELLED: Record<string, string> = {
  ga4: "Google Analytics 4",
  meta: "Meta Conversions API",
  r2: "R2",
  s3: "Amazon S3",
  x: "X Ads",
  bigquery: "BigQuery",
  tiktok: "TikTok",
  linkedin: "LinkedIn",
  hubspot: "HubSpot",
  microsoft_uet: "Microsoft UET",
};
/** A destination's name as its maker writes it. */
export const spelled = (name: string) =>
  SPELLED[name] ?? name.replaceAll(/[_-]/g, " ").replace(/(^| )\p{L}/gu, (letter) => letter.toUpperCase());

export const destinationsQuery = queryOptions({
  queryKey: ["destinations"],
  queryFn: ({ signal }) => listAll<Destination>("/api/v1/destinations", {}, signal),
  staleTime: 600_000,
});

export const integrationsQuery = (environment_id: string) =>
  queryOptions({
    queryKey: ["integrations", environment_id],
    queryFn: ({ signal }) => listAll<Integration>("/api/v1/integrations", { environment_id }, signal),
  });

export const integrationQuery = (environment_id: string, id: string) =>
  queryOptions({
    queryKey: ["integrations", environment_id, id],
    queryFn: ({ signal }) =>
      ask<Integration>("GET", `/api/v1/integrations/${encodeURIComponent(id)}`, { query: { environment_id }, signal }),
  });

export const boardQuery = (environment_id: string, id: string, by: "hour" | "event") =>
  queryOptions({
    queryKey: ["board", environment_id, id, by],
    queryFn: ({ signal }) =>
      get<Board>(`/api/v1/integrations/${encodeURIComponent(id)}/deliveries`, { environment_id, by }, signal),
    refetchInterval: 20_000,
  });
