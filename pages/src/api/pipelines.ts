import { queryOptions } from "@tanstack/react-query";
import { get } from "./client.ts";

export interface Pipeline {
  id: string;
  name: string;
  source_id: string | null;
  integration_id: string | null;
  enabled: boolean;
  live_version: number;
  canary: { version: number; percent: number; started_at: string } | null;
  document?: unknown;
}

export interface Version {
  version: number;
  author: string;
  note: string | null;
  created_at: string;
}

export interface PreviewStep {
  stage: string;
  step: string;
  outcome: "kept" | "skipped" | "filtered" | "failed";
  detail?: string;
  changes: unknown[];
}

export interface Preview {
  results: {
    event: { event: string; message_id: string };
    integrations: {
      integration_id: string;
      integration: string;
      outcome: string;
      reason?: string;
      detail?: string;
      steps: PreviewStep[];
      payload?: unknown;
    }[];
  }[];
}

const path = (id: string) => `/api/v1/pipelines/${encodeURIComponent(id)}`;

export const pipelinesQuery = (environment_id: string) =>
  queryOptions({
    queryKey: ["pipelines", environment_id],
    queryFn: async ({ signal }) =>
      (await get<{ pipelines: Pipeline[] }>("/api/v1/pipelines", { environment_id }, signal)).pipelines,
  });

export const pipelineQuery = (environment_id: string, id: string) =>
  queryOptions({
    queryKey: ["pipelines", environment_id, id],
    queryFn: ({ signal }) => get<Pipeline>(path(id), { environment_id }, signal),
  });

export const versionsQuery = (environment_id: string, id: string) =>
  queryOptions({
    queryKey: ["pipelines", environment_id, id, "versions"],
    queryFn: async ({ signal }) =>
      (await get<{ versions: Version[] }>(`${path(id)}/versions`, { environment_id }, signal)).versions,
  });

export const versionQuery = (environment_id: string, id: string, version: number) =>
  queryOptions({
    queryKey: ["pipelines", environment_id, id, "versions", version],
    queryFn: ({ signal }) =>
      get<Version & { document: unknown }>(`${path(id)}/versions/${version}`, { environment_id }, signal),
  });

export const canaryQuery = (environment_id: string, id: string) =>
  queryOptions({
    queryKey: ["pipelines", environment_id, id, "canary"],
    queryFn: ({ signal }) => get<Canary>(`${path(id)}/canary`, { environment_id }, signal),
    refetchInterval: 10_000,
  });

interface Canary {
  canary: Pipeline["canary"];
  comparison?: Record<
    "live" | "canary",
    { events: number; failure_percent: number; acceptance_percent: number | null }
  >;
}
