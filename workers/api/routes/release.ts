import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { deadLetter } from "../../dead-letters.ts";
import type { ApiEnv } from "../../env.ts";
import { release as releaseLetter } from "../../release.ts";
import { jsonBody } from "../json-body.ts";

const mended = z.strictObject({
  /** The whole event, mended. Absent: as it is, e.g. after the pipeline was mended. */
  event: z.unknown().optional(),
});

/** POST /:id/release: a quarantined event goes on. Refused, it stays a dead letter. */
export const release = new Hono<{ Bindings: ApiEnv }>().post("/:id/release", async (c) => {
  const { event } = await jsonBody(c, mended);
  const letter = await deadLetter(c.env, c.req.param("id"));
  if (!letter) throw new ApiError("not_found", `No dead letter ${c.req.param("id")}`);
  const outcome = await releaseLetter(c.env, letter, event);
  if (outcome.released === false) throw new ApiError(outcome.code, outcome.message);
  return c.json(outcome);
});
