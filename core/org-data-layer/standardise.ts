import * as z from "zod";

const name = z.string().min(1).max(256);
const names = z
  .record(name, name)
  .refine((all) => Object.keys(all).length <= 1_000, "at most 1000 names")
  .default({});

/** One name for what several sources call differently. */
export const standardise = z.strictObject({
  /** What an event is called → what it is to be called. Capitals, and spaces around it, do not matter. */
  events: names,
  event_case: z.enum(["as_sent", "title_case", "snake_case"]).default("as_sent"),
  /** The same for properties and for traits, wherever in them the name stands, in lists too. Capitals matter. */
  properties: names,
  traits: names,
  /** Names in properties and traits: `productId` ↔ `product_id`. Renaming comes first. */
  case: z.enum(["as_sent", "snake_case", "camel_case"]).default("as_sent"),
});
export type Standardise = z.infer<typeof standardise>;
