/**
 * Which marketing channel a visit came by: GA4's default channel group, rule by rule in Google's order
 * (https://support.google.com/analytics/answer/9756891), with the AI Assistant that Google added in May 2026. A customer's own
 * channels are asked first.
 */
import * as z from "zod";
import type { TrafficSource } from "./traffic-source.ts";

export const CHANNELS = [
  "Direct",
  "Cross-network",
  "Paid Shopping",
  "Paid Search",
  "Paid Social",
  "Paid Video",
  "Display",
  "Paid Other",
  "AI Assistant",
  "Organic Shopping",
  "Organic Social",
  "Organic Video",
  "Organic Search",
  "Referral",
  "Email",
  "Affiliates",
  "Audio",
  "SMS",
  "Mobile Push Notifications",
  "Unassigned",
] as const;
export type Channel = (typeof CHANNELS)[number];

const PAID = /cp|^ppc$|^retargeting$|^paid/;
/** `shop` not after one of a–d and f–z (Google writes `[^a-df-z]`, so that "workshop" is none, "e-shop" and "eshop" are), or `shopping`. */
const SHOPPING_CAMPAIGN = /(?:[^a-df-z]|^)shop|shopping/;
const DISPLAY = new Set(["display", "banner", "expandable", "interstitial", "cpm"]);
const SOCIAL = new Set(["social", "social-network", "social-media", "sm", "social network", "social media"]);
const REFERRAL = new Set(["referral", "app", "link"]);
const EMAIL = new Set(["email", "e-mail", "e_mail", "e mail"]);

/** GA4's rules, upon what a visit came from. Every comparison is of small letters, as Google's are. */
export function defaultChannel({ source, medium, campaign = "", kind }: TrafficSource): Channel {
  const from = source.toLowerCase();
  const by = medium.toLowerCase();
  const name = campaign.toLowerCase();
  const isPaid = PAID.test(by);
  const isShopping = kind === "shopping" || SHOPPING_CAMPAIGN.test(name);

  if (from === "(direct)" && (by === "(none)" || by === "(not set)")) return "Direct";
  if (name.includes("cross-network")) return "Cross-network";
  if (isPaid && isShopping) return "Paid Shopping";
  if (isPaid && kind === "search") return "Paid Search";
  if (isPaid && kind === "social") return "Paid Social";
  if (isPaid && kind === "video") return "Paid Video";
  if (DISPLAY.has(by)) return "Display";
  if (isPaid) return "Paid Other";
  if (by === "ai-assistant") return "AI Assistant";
  if (isShopping) return "Organic Shopping";
  if (kind === "social" || SOCIAL.has(by)) return "Organic Social";
  if (kind === "video" || by.includes("video")) return "Organic Video";
  if (kind === "search" || by === "organic") return "Organic Search";
  if (REFERRAL.has(by)) return "Referral";
  if (EMAIL.has(from) || EMAIL.has(by)) return "Email";
  if (by === "affiliate") return "Affiliates";
  if (by === "audio") return "Audio";
  if (from === "sms" || by === "sms") return "SMS";
  if (by.endsWith("push") || /mobile|notification/.test(by) || from === "firebase") return "Mobile Push Notifications";
  return "Unassigned";
}

/** Text in any capitals, with `*` for whatever else stands there. A list: one of them. */
const pattern = z.union([z.string().min(1).max(200), z.array(z.string().min(1).max(200)).min(1).max(100)]);

/** A channel of the customer's own. All that is told must hold. */
export const customChannel = z.strictObject({
  name: z.string().min(1).max(100),
  source: pattern.optional(),
  medium: pattern.optional(),
  campaign: pattern.optional(),
  referrer_host: pattern.optional(),
});
export type CustomChannel = z.infer<typeof customChannel>;

/** The first of the customer's channels that holds, else GA4's. */
export function channelOf(from: TrafficSource, own: CustomChannel[] = []): string {
  const found = own.find(
    (one) =>
      fits(one.source, from.source) &&
      fits(one.medium, from.medium) &&
      fits(one.campaign, from.campaign) &&
      fits(one.referrer_host, from.referrer_host),
  );
  return found?.name ?? defaultChannel(from);
}

function fits(wanted: CustomChannel["source"], value: string | undefined): boolean {
  if (wanted === undefined) return true;
  const text = value?.toLowerCase();
  if (text === undefined) return false;
  return typeof wanted === "string" ? fitsOne(wanted, text) : wanted.some((one) => fitsOne(one, text));
}

/** Never more than one look at each letter for each part: a customer's pattern cannot hold up the batch. */
function fitsOne(wanted: string, text: string): boolean {
  const parts = wanted.toLowerCase().split("*");
  const [first = ""] = parts;
  const last = parts.at(-1) ?? "";
  if (parts.length === 1) return text === first;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
