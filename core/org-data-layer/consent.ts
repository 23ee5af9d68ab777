import * as z from "zod";
import { PURPOSES } from "../consent.ts";
import { fieldPath } from "../field-path.ts";

/** Those that people are asked for. */
const asked = z.enum(PURPOSES).exclude(["functional"]);

/** How consent is enforced, beside what each integration is for (its `purpose`) and the environment's `consent_default`. */
export const consent = z.strictObject({
  /**
   * What Global Privacy Control means. `block`: no to marketing. `limit`: marketing goes on as it would without, and each vendor is told
   * to limit its use of the data (`context.limited_data_use`), as the privacy laws of the USA ask.
   */
  on_gpc: z.enum(["block", "limit"]).default("block"),
  /** Fields that only a purpose allows to keep: where it is not allowed they are stripped, before anything is stored or sent. */
  strip: z
    .array(z.strictObject({ path: fieldPath, unless: asked }))
    .max(100)
    .default([]),
  /** What was not answered yet is held for the answer. Absent: it goes by the default at once. */
  hold: z
    .strictObject({
      purposes: z.array(asked).min(1).default(["marketing"]),
      /** Seconds, a day at most. */
      for_s: z.int().min(1).max(86_400).default(1_800),
      /** Events of one visitor at once; the next ones are treated as if their time were over. */
      most: z.int().min(1).max(500).default(50),
      /** What happens when the time is over: they go on by the default, or are dropped. */
      unanswered: z.enum(["default", "drop"]).default("default"),
    })
    .optional(),
});
export type ConsentPolicy = z.infer<typeof consent>;
