import { queryOptions } from "@tanstack/react-query";
import type { FailureSpike } from "../../../core/failure-spike.ts";
import { get } from "./client.ts";

export interface GateFailure {
  at: string;
  message_id: string;
  event: string;
  reason: string;
  /** What was to be sent, as JSON. */
  payload?: string;
}

export interface IntegrationStatus {
  id: string;
  name: string;
  destination: string;
  enabled: boolean;
  received: number;
  delivered: number;
  retried: number;
  dead_lettered: number;
  filtered: Record<string, number>;
  requests: number;
  state: string;
  reason: string | null;
  paused_until: string | null;
  failures: GateFailure[];
  alert: FailureSpike | null;
}

export interface Status {
  environment: { id: string; name: string; version: number };
  events: number;
  duplicates: number;
  visitors: number;
  sessions: number;
  lake_files: number;
  waiting_events: number;
  profiles: number;
  integrations: IntegrationStatus[];
}

/** What the shards hold, exactly, and how each integration is doing. */
export const statusQuery = (environment_id: string) =>
  queryOptions({
    queryKey: ["status", environment_id],
    queryFn: ({ signal }) => get<Status>("/api/v1/status", { environment_id }, signal),
    refetchInterval: 15_000,
  });

/** What a gate's state means, for a person. */
export const STATES: Record<string, { label: string; tone: "good" | "warn" | "bad" | "plain" }> = {
  open_for_business: { label: "Healthy", tone: "good" },
  circuit_open: { label: "Vendor is failing, events wait", tone: "warn" },
  unauthorised: { label: "Connect again", tone: "bad" },
  blocked: { label: "Settings are refused", tone: "bad" },
  rate_limited: { label: "Slowed down", tone: "warn" },
};
export const stateOf = ({ enabled, state }: { enabled: boolean; state: string }) =>
  enabled
    ? (STATES[state] ?? { label: state.replaceAll("_", " "), tone: "plain" as const })
    : { label: "Paused", tone: "plain" as const };
