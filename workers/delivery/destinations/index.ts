/** The vendors we deliver to. Adding one is adding its file and its name here. */
import type { Destination } from "../destination.ts";

import { amplitude } from "./amplitude.ts";
import { bigquery } from "./bigquery.ts";
import { braze } from "./braze.ts";
import { ga4 } from "./ga4.ts";
import { googleAds } from "./google-ads.ts";
import { hubspot } from "./hubspot.ts";
import { kafka } from "./kafka.ts";
import { klaviyo } from "./klaviyo.ts";
import { linkedin } from "./linkedin.ts";
import { meta } from "./meta.ts";
import { microsoftUet } from "./microsoft-uet.ts";
import { mixpanel } from "./mixpanel.ts";
import { pinterest } from "./pinterest.ts";
import { r2 } from "./r2.ts";
import { reddit } from "./reddit.ts";
import { s3 } from "./s3.ts";
import { slack } from "./slack.ts";
import { snapchat } from "./snapchat.ts";
import { snowflake } from "./snowflake.ts";
import { tiktok } from "./tiktok.ts";

import { webhook } from "./webhook.ts";
import { x } from "./x.ts";

const warehouses = { bigquery, kafka, r2, s3, snowflake };

export const destinations: Record<string, Destination> = {
  ga4,
  meta,
  webhook,
  tiktok,
  pinterest,
  snapchat,
  linkedin,
  "microsoft-uet": microsoftUet,
  reddit,
  x,
  amplitude,
  mixpanel,
  klaviyo,
  hubspot,
  braze,
  slack,
  google_ads: googleAds,
  ...warehouses,
};

export function destinationNamed(name: string): Destination | undefined {
  return Object.hasOwn(destinations, name) ? destinations[name] : undefined;
}
