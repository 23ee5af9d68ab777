import * as z from "zod";
import { treePath } from "../path-tree.ts";

/** What can be told from a name, a pattern or a checksum. */
export const PERSONAL_CLASSES = [
  "email",
  "phone",
  "iban",
  "ssn",
  "pesel",
  "nip",
  "ip",
  "birth_date",
  "name",
  "address",
] as const;
/** What nobody may hold on to: card numbers; passwords, tokens and security codes. */
export const SECRET_CLASSES = ["card", "secret"] as const;
export const PII_CLASSES = [...PERSONAL_CLASSES, ...SECRET_CLASSES] as const;
export type PiiClass = (typeof PII_CLASSES)[number];

/**
 * `hash`: HMAC-SHA256 under a key of the organisation's own, so that nobody else can try all phone numbers. `hash_for_vendors`: plain
 * SHA-256 of the value as advertising vendors normalise it, which they can match. `tokenise`: sealed under a key of the organisation's
 * own, the same token for the same value; `POST /api/v1/pii/reveal` opens it. `mask`: what remains tells its kind and no more.
 */
export const ACTIONS = ["allow", "hash", "hash_for_vendors", "mask", "tokenise", "strip"] as const;
export type Action = (typeof ACTIONS)[number];
const action = z.enum(ACTIONS);
const secretAction = action.extract(["mask", "strip"]);

export const pii = z.strictObject({
  /** What is not named is allowed: vendors match by e-mail and phone, and hash them themselves. */
  classes: z
    .strictObject({
      ...(Object.fromEntries(PERSONAL_CLASSES.map((name) => [name, action.default("allow")])) as Record<
        (typeof PERSONAL_CLASSES)[number],
        z.ZodDefault<typeof action>
      >),
      card: secretAction.default("mask"),
      secret: secretAction.default("strip"),
    })
    .prefault({}),
  /** Outranks the class. Secrets within text there are treated all the same. */
  paths: z
    .record(treePath, action)
    .refine((all) => Object.keys(all).length <= 500, "at most 500 paths")
    .default({}),
  /** Not looked at: barcodes and the like, of which some look like card numbers. */
  not_personal: z.array(treePath).max(200).default([]),
});
export type Pii = z.infer<typeof pii>;
