import { queryOptions } from "@tanstack/react-query";
import { get } from "./client.ts";

export interface DeadLetter {
  id: string;
  stage: "queue" | "processor" | "delivery";
  integration_id: string | null;
  message_id: string | null;
  event: string | null;
  reason: string;
  detail: string;
  attempts: number;
  dead_at: string;
  retried_at: string | null;
  edited_at: string | null;
}

export const deadLettersQuery = (environment_id: string, retried: "yes" | "no") =>
  queryOptions({
    queryKey: ["dead-letters", environment_id, retried],
    queryFn: async ({ signal }) =>
      (
        await get<{ dead_letters: DeadLetter[] }>(
          "/api/v1/dead-letters",
          { environment_id, retried, limit: 500 },
          signal,
        )
      ).dead_letters,
  });

export const deadLetterQuery = (environment_id: string, id: string) =>
  queryOptions({
    queryKey: ["dead-letters", environment_id, "one", id],
    queryFn: ({ signal }) =>
      get<DeadLetter & { payload: unknown }>(
        `/api/v1/dead-letters/${encodeURIComponent(id)}`,
        { environment_id },
        signal,
      ),
  });
