import * as z from "zod";
import { treePath } from "../path-tree.ts";

export const TYPES = ["string", "number", "integer", "boolean", "timestamp", "array", "object"] as const;
const type = z.enum(TYPES);

/** `keep`: as it came. `remove`: without it. `quarantine`, `block`: the whole event. */
const onFailure = z.enum(["keep", "remove", "quarantine", "block"]);
const rule = z.strictObject({ type, on_failure: onFailure.default("keep") });
export type TypeRule = z.infer<typeof rule>;

/** Path → its type, or `{type, on_failure}`. A value of another type is converted where that leaves no doubt (core/coerce.ts). */
export const types = z
  .record(treePath, z.union([type.transform((name): TypeRule => ({ type: name, on_failure: "keep" })), rule]))
  .refine((all) => Object.keys(all).length <= 500, "at most 500 paths");
export type Types = z.infer<typeof types>;
