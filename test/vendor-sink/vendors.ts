/** Which vendor answers at which host. Adding one is adding its file and a line here. */

import { amplitude } from "./amplitude.ts";
import { bigQuery } from "./bigquery.ts";
import { braze } from "./braze.ts";
import { dataManager } from "./data-manager.ts";
import { GA4_HOSTS, ga4 } from "./ga4.ts";
import { GOOGLE_TOKEN_HOSTS, googleOAuth } from "./google-oauth.ts";
import { hubspot } from "./hubspot.ts";
import { kafkaProxy } from "./kafka-proxy.ts";
import { klaviyo } from "./klaviyo.ts";
import { linkedin } from "./linkedin.ts";
import { META_HOSTS, meta } from "./meta.ts";
import { microsoftUet } from "./microsoft-uet.ts";
import { mixpanel } from "./mixpanel.ts";
import { pinterest } from "./pinterest.ts";
import { reddit } from "./reddit.ts";
import { s3 } from "./s3.ts";
import { slack } from "./slack.ts";
import { snapchat } from "./snapchat.ts";
import { snowflake } from "./snowflake.ts";
import { tiktok } from "./tiktok.ts";
import type { Vendor } from "./vendor.ts";
import { x } from "./x.ts";

const VENDORS: [hosts: RegExp | string[], Vendor][] = [
  [GA4_HOSTS, ga4],
  [META_HOSTS, meta],
  [["business-api.tiktok.com"], tiktok],
  [["api.pinterest.com"], pinterest],
  [["tr.snapchat.com"], snapchat],
  [["api.linkedin.com"], linkedin],
  [["capi.uet.microsoft.com"], microsoftUet],
  [["ads-api.reddit.com"], reddit],
  [["ads-api.x.com"], x],
  [["api2.amplitude.com", "api.eu.amplitude.com"], amplitude],
  [/^api(-eu|-in)?\.mixpanel\.com$/, mixpanel],
  [["a.klaviyo.com"], klaviyo],
  [["api.hubapi.com"], hubspot],
  [/^rest\.[a-z]+-\d\d\.braze\.(com|eu)$/, braze],
  [["hooks.slack.com", "hooks.slack-gov.com"], slack],
  [GOOGLE_TOKEN_HOSTS, googleOAuth],
  [["datamanager.googleapis.com"], dataManager],
  [["bigquery.googleapis.com"], bigQuery],
  [/^[a-z0-9._-]+\.snowflakecomputing\.com$/i, snowflake],
  [/(\.|^)s3[.-][a-z0-9-]+\.amazonaws\.com$|\.r2\.cloudflarestorage\.com$|^minio\.example\.com$/, s3],
  [/^pkc-\w+\..*\.confluent\.(cloud|example)$/, kafkaProxy],
];

/** undefined where nobody whom we know lives: a customer's own receiver. */
export function vendorAt(hostname: string): Vendor | undefined {
  const isAt = (hosts: RegExp | string[]) => (Array.isArray(hosts) ? hosts.includes(hostname) : hosts.test(hostname));
  return VENDORS.find(([hosts]) => isAt(hosts))?.[1];
}
