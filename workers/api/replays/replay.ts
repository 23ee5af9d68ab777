import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import type { ApiEnv } from "../../env.ts";
import { advance } from "./advance.ts";
import { changeStatus, readReplay, writeProgress } from "./replay-store.ts";

export interface ReplayRun {
  id: string;
  run: number;
}

/** Pieces of one instance: then another goes on, so that neither subrequests nor steps end, however long the range is. */
const PIECES_A_RUN = 40;
const PATIENCE = { retries: { limit: 8, delay: "5 seconds", backoff: "exponential" }, timeout: "15 minutes" } as const;

/**
 * One run of a replay, named `{id}-{run}`: piece after piece, at the rate asked for, until it is counted, sent, stopped, or another
 * run's turn. As with imports, pausing is a word in the row and not the platform's: that could stop it in the middle of a piece.
 */
export class Replay extends WorkflowEntrypoint<ApiEnv, ReplayRun> {
  override async run(event: Readonly<WorkflowEvent<ReplayRun>>, step: WorkflowStep): Promise<string> {
    const { id, run } = event.payload;
    try {
      for (let n = 1; n <= PIECES_A_RUN; n++) {
        const { status, wait_s } = await step.do(`piece ${n}`, PATIENCE, async () => {
          // The simulator's storage and queues live in workerd's own loop, which otherwise answers nobody until the replay is done.
          await scheduler.wait(1);
          return advance(this.env, id, run);
        });
        if (status !== "counting" && status !== "running") return status;
        if (wait_s > 0) await step.sleep(`rate ${n}`, `${wait_s} seconds`);
      }
      return await step.do("hand over", PATIENCE, async () => {
        const replay = await readReplay(this.env.DB, id);
        // Repeated after its own success: the row is the next run's already, which may lack its instance.
        const next =
          replay?.run === run
            ? await changeStatus(this.env.DB, id, [replay.status], replay.status, { next_run: true })
            : replay;
        if (next?.run === run + 1) await startRun(this.env, next);
        return "superseded";
      });
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "replay", id, run, message: String(error) }));
      return await step.do("give up", PATIENCE, async () => {
        const replay = await readReplay(this.env.DB, id);
        if (replay?.run !== run) return "superseded";
        const failure = "A fault on our side stopped the replay. It can be resumed";
        await writeProgress(this.env.DB, replay, { ...replay.state, failure }, "failed");
        return "failed";
      });
    }
  }
}

/** Begins the run that the row speaks of. Begun already: nothing happens. */
export async function startRun(env: ApiEnv, { id, run }: ReplayRun): Promise<void> {
  const name = `${id}-${run}`;
  try {
    await env.REPLAYS.create({ id: name, params: { id, run } });
  } catch (error) {
    // That the name is taken is one of many errors here, and none of them has a code.
    const instance = await env.REPLAYS.get(name).catch(() => undefined);
    if (!instance) throw error;
  }
}
