// https://developers.cloudflare.com/r2/api/s3/api/
import * as z from "zod";
import type { EventRow } from "../../../core/event-row.ts";
import { defineDestination } from "../destination.ts";
import { dayOf, fileLimits, fileSettings, putFile, storeOutcome } from "./s3.ts";
import { toRow, warehouseExamples } from "./warehouse.ts";

const settings = z.object({
  ...fileSettings,
  /** Of the Cloudflare account that the bucket is in, which need not be ours. */
  account_id: z.string().regex(/^[0-9a-f]{32}$/, "is an account's id: 32 of 0–9 and a–f"),
  /** Where the bucket was given one. */
  jurisdiction: z.enum(["eu", "fedramp"]).optional(),
});
export type R2Settings = z.infer<typeof settings>;

/** Of our own account the lake holds every event already (STORAGE.md); this is for another's bucket, or another layout. */
export const r2 = defineDestination<R2Settings, EventRow>({
  name: "r2",
  title: "Cloudflare R2",
  purpose: "functional",
  settings,
  exampleSettings: {
    account_id: "0123456789abcdef0123456789abcdef",
    bucket: "my-shop-events",
    prefix: "events",
    format: "parquet",
    access_key_id: "example-access-key-id",
    secret_access_key: "example-secret-access-key",
    columns: { plan: "string" },
  },
  limits: fileLimits,
  authentication: ({ access_key_id, secret_access_key }) => ({
    scheme: "aws_sigv4",
    access_key_id,
    secret_access_key,
    region: "auto",
    service: "s3",
  }),
  groupBy: dayOf,
  map: toRow,
  request(rows, settings) {
    const { account_id, jurisdiction, bucket } = settings;
    const host = [account_id, jurisdiction, "r2.cloudflarestorage.com"].filter(Boolean).join(".");
    return putFile(rows, `https://${host}/${bucket}`, settings);
  },
  outcome: storeOutcome,
  examples: warehouseExamples(),
});
