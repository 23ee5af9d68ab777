/** The vendors we deliver to. Adding one is adding its file and its name here. */
import type { Destination } from "../destination.ts";
import { bigquery } from "./bigquery.ts";
import { ga4 } from "./ga4.ts";
import { googleAds } from "./google-ads.ts";
import { kafka } from "./kafka.ts";
import { meta } from "./meta.ts";
import { r2 } from "./r2.ts";
import { s3 } from "./s3.ts";
import { snowflake } from "./snowflake.ts";
import { webhook } from "./webhook.ts";

const warehouses = { bigquery, kafka, r2, s3, snowflake };

export const destinations: Record<string, Destination> = {
  ga4,
  meta,
  webhook,
  google_ads: googleAds,
  ...warehouses,
};

export function destinationNamed(name: string): Destination | undefined {
  return Object.hasOwn(destinations, name) ? destinations[name] : undefined;
}
