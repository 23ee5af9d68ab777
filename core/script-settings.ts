/** What a source says of its own script, where the tag in a page says nothing: the same as the tag's `data-` attributes (sdk/README.md). */
import * as z from "zod";

/** By the names that `data-auto` has for them. */
export const SCRIPT_PARTS = [
  "page",
  "outbound",
  "downloads",
  "forms",
  "scroll",
  "engagement",
  "vitals",
  "not-found",
] as const;
export type ScriptPart = (typeof SCRIPT_PARTS)[number];

export const scriptSettings = z.strictObject({
  /** What is recorded by itself; absent: all of it. */
  auto: z.array(z.enum(SCRIPT_PARTS)).optional(),
  /** What happens until the visitor allows analytics; absent: no consent is asked for. */
  consent: z.enum(["cookieless", "wait", "deny"]).optional(),
  consent_manager: z.enum(["onetrust", "cookiebot", "usercentrics", "didomi", "tcf", "gpp"]).optional(),
  /** Another fragment is another page. */
  hash: z.boolean().optional(),
});
export type ScriptSettings = z.infer<typeof scriptSettings>;

/** A statement in front of the script, with the settings as a tag's `dataset` has them: `self.millraceSettings={"consent":"wait"};` */
export function inFrontOfScript({ auto, consent, consent_manager, hash }: ScriptSettings): string {
  const dataset = { auto: auto?.join(" "), consent, consentManager: consent_manager, hash: hash?.toString() };
  return `self.millraceSettings=${JSON.stringify(dataset)};\n`;
}
