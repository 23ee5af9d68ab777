import * as z from "zod";

/** Holds for text in properties and traits. */
export const cleanse = z.strictObject({
  trim: z.boolean().default(true),
  collapse_white_space: z.boolean().default(true),
  /** Empty text, null; in lists too. */
  remove_empty: z.boolean().default(true),
  /** Tags, comments, and what scripts and styles hold. Entities such as `&amp;` stay as they are. */
  strip_html: z.boolean().default(false),
});
export type Cleanse = z.infer<typeof cleanse>;
