/** Pipelines as an environment's snapshot holds them. Apart from the rest, so that the door reads snapshots without the expressions' engines. */
import * as z from "zod";
import { hash64 } from "../hash.ts";

/** `document` is checked when it is compiled, so that one bad pipeline spoils no other, and no other Worker's snapshot. */
export const publishedPipeline = z.object({
  id: z.string(),
  /** Absent: any source. */
  source_id: z.string().optional(),
  /** Absent: shared by all integrations. */
  integration_id: z.string().optional(),
  version: z.int(),
  document: z.record(z.string(), z.unknown()),
  /** So many percent of visitors go through another version. */
  canary: z.object({ version: z.int(), percent: z.number(), document: z.record(z.string(), z.unknown()) }).optional(),
});
export type PublishedPipeline = z.infer<typeof publishedPipeline>;

/** How a version is called in counters and queue messages. */
export const versionTag = (pipelineId: string, version: number): string => `${pipelineId}@${version}`;

/** Whether a visitor is among so many percent: always the same ones, and of 20 % all that were among 10. `what` makes samples independent. */
export function isAmong(what: string, anonymousId: string, percent: number): boolean {
  return hash64(`${what}\u0000${anonymousId}`).high % 10_000 < percent * 100;
}
