import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import type { IngestEnv } from "../../env.ts";
import { type Advance, advance } from "./advance.ts";
import { type ImportIds, type ImportState, readState, writeState } from "./import-store.ts";

export interface ImportRun extends ImportIds {
  run: number;
}

/**
 * Slices of one instance: some 200 subrequests each, where an instance has 10,000. Then another instance goes on, so that neither
 * subrequests nor steps end, however long the file is.
 * https://developers.cloudflare.com/workflows/reference/limits/
 */
const SLICES_A_RUN = 40;

/** Twenty minutes in all: longer than a queue or R2 are away, shorter than the shards remember what they have seen. */
const PATIENCE = { retries: { limit: 8, delay: "5 seconds", backoff: "exponential" }, timeout: "30 minutes" } as const;

/**
 * One run of an import, named `{import_id}-{run}`: slice after slice, until it is done, stopped, or somebody else's turn. The platform's
 * own pause and terminate are not used: they may stop it in the middle of a slice, and their instances are forgotten after days.
 */
export class BulkImport extends WorkflowEntrypoint<IngestEnv, ImportRun> {
  override async run(event: Readonly<WorkflowEvent<ImportRun>>, step: WorkflowStep): Promise<Advance> {
    const { run, ...ids } = event.payload;
    try {
      for (let n = 1; n <= SLICES_A_RUN; n++) {
        const status = await step.do(`slice ${n}`, PATIENCE, async () => {
          // The simulator's R2 and queues live in workerd's own loop, which otherwise answers nobody until the import is done.
          await scheduler.wait(1);
          return advance(this.env, ids, run);
        });
        if (status !== "running") return status;
      }
      return await step.do("hand over", PATIENCE, async () => {
        await nextRun(this.env, ids, run);
        return "superseded" as const;
      });
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "bulk_import", ...event.payload, message: String(error) }));
      return await step.do("give up", PATIENCE, () => giveUp(this.env, ids, run));
    }
  }
}

/** Begins a run that the state speaks of. Begun already: nothing happens. */
export async function startRun(env: IngestEnv, { environment_id, import_id }: ImportIds, run: number): Promise<void> {
  try {
    await env.IMPORTS.create({ id: instanceId(import_id, run), params: { environment_id, import_id, run } });
  } catch (error) {
    // That the name is taken is one of many errors here, and none of them has a code.
    if (!(await instanceStatus(env, import_id, run))) throw error;
  }
}

const instanceId = (import_id: string, run: number) => `${import_id}-${run}`;

/** Whether a run's instance still goes on. */
export async function isAlive(env: IngestEnv, import_id: string, run: number): Promise<boolean> {
  const status = await instanceStatus(env, import_id, run);
  return status !== undefined && !["errored", "terminated", "complete"].includes(status);
}

/** Undefined where the platform knows of none, or no longer. */
async function instanceStatus(env: IngestEnv, import_id: string, run: number): Promise<string | undefined> {
  try {
    const instance = await env.IMPORTS.get(instanceId(import_id, run));
    const { status } = await instance.status();
    return status === "unknown" ? undefined : status;
  } catch {
    return undefined;
  }
}

/** The turn of the next run, from where `run` stopped. Whether that was still the newest one. */
export async function nextRun(
  env: IngestEnv,
  ids: ImportIds,
  run: number,
  given: Partial<ImportState> = {},
): Promise<boolean> {
  const stored = await readState(env.LAKE, ids);
  // Repeated after its own success: the state is the next run's already, which may lack its instance.
  if (stored?.state.run === run + 1) {
    await startRun(env, ids, run + 1);
    return true;
  }
  if (stored?.state.run !== run) return false;
  if (!(await writeState(env.LAKE, ids, { ...stored.state, ...given, run: run + 1 }, stored.etag))) return false;
  await startRun(env, ids, run + 1);
  return true;
}

export const OUR_FAULT = {
  code: "internal",
  message: "A fault on our side stopped the import. It can be resumed",
  resumable: true,
};

async function giveUp(env: IngestEnv, ids: ImportIds, run: number): Promise<Advance> {
  const stored = await readState(env.LAKE, ids);
  if (!stored || stored.state.run !== run) return "superseded";
  const state = {
    ...stored.state,
    status: "failed" as const,
    finished_at: new Date().toISOString(),
    failure: OUR_FAULT,
  };
  return (await writeState(env.LAKE, ids, state, stored.etag)) ? "failed" : "superseded";
}
