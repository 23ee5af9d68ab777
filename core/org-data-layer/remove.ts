import * as z from "zod";
import { fieldPath } from "../field-path.ts";

/** Fields that must never reach an integration. */
export const removedField = z.strictObject({
  path: fieldPath,
  /** `everywhere`: they are not stored either. */
  from: z.enum(["integrations", "everywhere"]).default("integrations"),
});
export type RemovedField = z.infer<typeof removedField>;

export const remove = z.array(removedField).max(200);
