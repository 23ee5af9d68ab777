import * as z from "zod";

/** A path to an array, e.g. `properties.products`. */
const arrayPath = z.string().regex(/^(properties|traits)(\.[\w$-]+){1,8}$/, "a path such as properties.products");
const name = z.string().min(1).max(256);

/** Makes of one event several: one for each item of an array, or for each brand or retailer among them. */
export const fanOutRule = z.strictObject({
  /** Part of the new events' ids: another name makes other events. */
  name: z.string().regex(/^[\w-]{1,64}$/),
  /** The events that are split, by their names in any capitals. */
  events: z.array(name).min(1).max(100),
  each: arrayPath,
  /** A field of the items, e.g. `brand`: one event for each value of it. Absent: one for each item. */
  by: z.string().min(1).max(64).optional(),
  /** What the new events are called. */
  event: name,
  /** The parent's properties that go along. Absent: all but the array and the sums, which would count once for each child. */
  keep: z.array(z.string().min(1).max(128)).max(100).optional(),
  /** Who gets the new events: ids, names or destinations of integrations. Absent: whoever would get any. */
  to: z.array(name).min(1).max(50).optional(),
  /** Whether the parent itself goes on to integrations. It is stored in any case. */
  parent: z.enum(["goes_on", "stays"]).default("goes_on"),
  /** At most so many of one event. */
  most: z.int().min(1).max(200).default(50),
});
export type FanOutRule = z.infer<typeof fanOutRule>;

export const fanOut = z.array(fanOutRule).max(20);
