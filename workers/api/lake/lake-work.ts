import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { lakeJobs } from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { compactOnce, tidyDay } from "./compact.ts";
import { type Erased, eraseOnce } from "./erase.ts";
import { eraseDeadLetters, eraseSpilled } from "./erase-around.ts";

export type LakeRun =
  | { kind: "compaction"; environment_id: string; date: string; now: number }
  | { kind: "erasure"; id: string };

export interface ErasureResult {
  /** Shards' files that held something of the person. */
  files: string[];
  rows_before: number;
  rows_after: number;
  rows_removed: number;
  dead_letters: number;
  spilled: number;
}

const PATIENCE = { retries: { limit: 8, delay: "10 seconds", backoff: "exponential" }, timeout: "15 minutes" } as const;
const MOST_OBJECTS_A_DAY = 2_000;

/** Long work on the lake: a day's compaction, named `compact-{environment}-{date}-{night}`, or the erasure of a person, named as its job. */
export class LakeWork extends WorkflowEntrypoint<ApiEnv, LakeRun> {
  override async run(event: Readonly<WorkflowEvent<LakeRun>>, step: WorkflowStep): Promise<string> {
    const work = event.payload;
    return work.kind === "compaction" ? this.#compact(work, step) : this.#erase(work.id, step);
  }

  async #compact({ environment_id, date, now }: LakeRun & { kind: "compaction" }, step: WorkflowStep) {
    const day: [string, string] = [environment_id, date];
    await step.do("tidy", PATIENCE, () => tidyDay(this.env.LAKE, day, now));
    for (let n = 1; n <= MOST_OBJECTS_A_DAY; n++) {
      const { outcome } = await step.do(`object ${n}`, PATIENCE, () => compactOnce(this.env.LAKE, day, now));
      if (outcome === "done") return "done";
    }
    return "goes on next night";
  }

  async #erase(id: string, step: WorkflowStep): Promise<string> {
    const db = drizzle(this.env.DB);
    const read = async () => (await db.select().from(lakeJobs).where(eq(lakeJobs.id, id)))[0]!;
    try {
      const { environment_id } = await step.do("begin", PATIENCE, async () => {
        const job = await read();
        return { environment_id: job.environment_id };
      });
      const person = async () => (await read()).request as Erased;
      const dates = await step.do("days", PATIENCE, () => datesOf(this.env.LAKE, environment_id));
      const result: ErasureResult = {
        files: [],
        rows_before: 0,
        rows_after: 0,
        rows_removed: 0,
        dead_letters: await step.do("dead letters", PATIENCE, async () =>
          eraseDeadLetters(this.env, environment_id, await person()),
        ),
        spilled: await step.do("spilled", PATIENCE, async () =>
          eraseSpilled(this.env.LAKE, environment_id, await person()),
        ),
      };
      for (const date of dates) {
        const day = await step.do(`day ${date}`, PATIENCE, async () =>
          eraseOnce(this.env.LAKE, [environment_id, date], Date.now(), await person()),
        );
        result.files.push(...day.files);
        result.rows_before += day.rows_before;
        result.rows_after += day.rows_after;
      }
      result.rows_removed = result.rows_before - result.rows_after;
      await step.do("prove", PATIENCE, () => this.#finish(id, "complete", result));
      return "complete";
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "erasure", id, message: String(error) }));
      await step.do("give up", PATIENCE, () => this.#finish(id, "failed"));
      return "failed";
    }
  }

  /** Who it was about is forgotten with the work; of one that failed it stays, so that it can be begun again. */
  async #finish(id: string, status: "complete" | "failed", result?: ErasureResult): Promise<void> {
    const updated_at = new Date().toISOString();
    await drizzle(this.env.DB)
      .update(lakeJobs)
      .set({ status, updated_at, ...(result && { result, request: {} }) })
      .where(eq(lakeJobs.id, id));
  }
}

/** The days on which an environment has files. */
export async function datesOf(lake: R2Bucket, environmentId: string): Promise<string[]> {
  const prefix = `events/env=${environmentId}/`;
  const dates: string[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await lake.list({ prefix, delimiter: "/", ...(cursor && { cursor }) });
    dates.push(...page.delimitedPrefixes.map((folder) => folder.slice(`${prefix}dt=`.length, -1)));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  return dates;
}
