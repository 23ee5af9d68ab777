import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import type { ApiEnv } from "../../env.ts";
import { mapFor } from "../../processor/map-for.ts";
import { jsonBody } from "../json-body.ts";
import { startRun } from "../replays/replay.ts";
import {
  changeStatus,
  createReplay,
  listReplays,
  type Replay,
  type ReplayStatus,
  readReplay,
  replayRequest,
} from "../replays/replay-store.ts";
import { environmentOf } from "./environment-of.ts";

/** Parts of the lake: what waits in the shards is written first, for as much of the range as may still be there. */
const MAY_WAIT_MS = 86_400_000;

/**
 * POST: counts the events of a time range and shows how some of them would be sent (`counting`, then `ready`); nothing is sent.
 * POST /:id/start: sends them (`running`, then `complete`). POST /:id/pause, /resume, /cancel. GET, GET /:id.
 */
export const replays = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const environment = await environmentOf(c);
    const limit = z.coerce.number().int().min(1).max(200).default(50).safeParse(c.req.query("limit"));
    if (!limit.success) throw new ApiError("invalid_request", "limit must be 1 to 200");
    return c.json({ replays: (await listReplays(c.env.DB, environment.id, limit.data)).map(described) });
  })
  .post("/", async (c) => {
    const environment = await environmentOf(c);
    const request = await jsonBody(c, replayRequest);
    const integration = environment.integrations.find((one) => one.id === request.integration_id);
    if (!integration) throw new ApiError("not_found", `No integration ${request.integration_id}`);
    if (!integration.enabled)
      throw new ApiError("conflict", `${integration.id} is disabled: nothing would be sent to it`);
    if (request.from >= request.to) throw new ApiError("invalid_request", "from must be before to");
    await mapFor(environment, c.env, request.version);
    const now = Date.now();
    // What is still to come cannot be counted.
    const to = new Date(Math.min(Date.parse(request.to), now)).toISOString();
    if (Date.parse(to) > now - MAY_WAIT_MS) {
      const shards = environment.shard_map.shards.map((shard) =>
        c.env.VISITOR_SHARD.getByName(`${environment.id}/${shard}`),
      );
      await Promise.all(shards.map((shard) => shard.flush()));
    }
    const replay = await createReplay(c.env.DB, environment.id, { ...request, to });
    await startRun(c.env, replay);
    return c.json(described(replay), 202);
  })
  .get("/:id", async (c) => c.json(described(await known(c.env.DB, c.req.param("id")))))
  .post("/:id/start", (c) => change(c.env, c.req.param("id"), ["ready"], "running"))
  .post("/:id/pause", (c) => change(c.env, c.req.param("id"), ["running"], "paused"))
  .post("/:id/resume", (c) => change(c.env, c.req.param("id"), ["paused", "failed"], "running"))
  .post("/:id/cancel", (c) =>
    change(c.env, c.req.param("id"), ["counting", "ready", "running", "paused", "failed"], "cancelled"),
  );

async function known(db: D1Database, id: string): Promise<Replay> {
  const replay = await readReplay(db, id);
  if (!replay) throw new ApiError("not_found", `No replay ${id}`);
  return replay;
}

async function change(env: ApiEnv, id: string, from: ReplayStatus[], wanted: ReplayStatus): Promise<Response> {
  const before = await known(env.DB, id);
  // One that failed while it was counted has nothing to send yet.
  const to = wanted === "running" && before.status === "failed" && !before.state.is_counted ? "counting" : wanted;
  const goesOn = to === "running" || to === "counting";
  const replay = await changeStatus(env.DB, id, from, to, { next_run: goesOn });
  if (!replay) throw new ApiError("conflict", `${id} is ${before.status}; this needs one that is ${from.join(" or ")}`);
  if (goesOn) await startRun(env, replay);
  return Response.json(described(replay), { status: goesOn ? 202 : 200 });
}

function described({ id, environment_id, request, status, state, created_at, updated_at }: Replay) {
  const of = ({ events, to_send, filtered }: Replay["state"]["counted"]) => ({ events, to_send, filtered });
  return {
    id,
    environment_id,
    ...request,
    status,
    /** What there is to send; final from `ready` on. */
    counted: of(state.counted),
    /** What was handed to delivery so far. */
    sent: state.sent.to_send,
    samples: state.samples,
    failure: state.failure,
    created_at,
    updated_at,
  };
}
