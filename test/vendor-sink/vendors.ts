/** Which vendor answers at which host. Adding one is adding its file and a line here. */
import { bigQuery } from "./bigquery.ts";
import { dataManager } from "./data-manager.ts";
import { GA4_HOSTS, ga4 } from "./ga4.ts";
import { GOOGLE_TOKEN_HOSTS, googleOAuth } from "./google-oauth.ts";
import { kafkaProxy } from "./kafka-proxy.ts";
import { META_HOSTS, meta } from "./meta.ts";
import { s3 } from "./s3.ts";
import { snowflake } from "./snowflake.ts";
import type { Vendor } from "./vendor.ts";

const VENDORS: [hosts: RegExp | string[], Vendor][] = [
  [GA4_HOSTS, ga4],
  [META_HOSTS, meta],
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
