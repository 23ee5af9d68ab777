import * as z from "zod";
import { treePath } from "../path-tree.ts";

export const KINDS = ["country", "currency", "email", "phone", "boolean", "date", "timestamp"] as const;
export type Kind = (typeof KINDS)[number];

/** One way to write what can be written in many (core/normalise/normalise-value.ts). */
export const normalise = z.strictObject({
  /** The fields of Segment's spec whose meaning is known: `properties.currency`, `traits.phone`, `traits.address.country`, … */
  known_fields: z.boolean().default(false),
  /** Other fields, or another meaning for a known one. */
  fields: z
    .record(treePath, z.enum(KINDS))
    .refine((all) => Object.keys(all).length <= 500, "at most 500 paths")
    .default({}),
  /** What cannot be read: stays, or goes. */
  unreadable: z.enum(["keep", "remove"]).default("keep"),
  /** ISO 3166-1 alpha-2: for phone numbers without a country code, where the event does not tell. */
  default_country: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
  /** Gmail delivers "a.b+shop@gmail.com" to "ab@gmail.com"; whoever counts people may want one. */
  gmail_canonical: z.boolean().default(false),
});
export type Normalise = z.infer<typeof normalise>;
