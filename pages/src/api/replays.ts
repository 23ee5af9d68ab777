import { queryOptions } from "@tanstack/react-query";
import { get } from "./client.ts";

export interface Replay {
  id: string;
  integration_id: string;
  from: string;
  to: string;
  status: "counting" | "ready" | "running" | "paused" | "complete" | "failed" | "cancelled";
  counted: { events: number; to_send: number; filtered: Record<string, number> };
  sent: number;
  samples: { message_id: string; event: string; old: unknown; new: unknown; is_changed: boolean }[];
  failure: string | null;
  created_at: string;
}

const isMoving = ({ status }: Replay) => status === "counting" || status === "running";

export const replaysQuery = (environment_id: string) =>
  queryOptions({
    queryKey: ["replays", environment_id],
    queryFn: async ({ signal }) =>
      (await get<{ replays: Replay[] }>("/api/v1/replays", { environment_id }, signal)).replays,
    refetchInterval: ({ state }) => (state.data?.some(isMoving) ? 2_000 : false),
  });
