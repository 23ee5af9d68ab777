// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
import * as z from "zod";
import type { EventRow, PropertyColumns } from "../../../core/event-row.ts";
import { sha256 } from "../../../core/hash.ts";
import { customerUrl } from "../customer-url.ts";
import { defineDestination, httpOutcome, type Outcome, secret, type VendorResponse } from "../destination.ts";
import { CONTENT_TYPE, EXTENSION, FILE_FORMATS, type FileFormat, fileOf } from "./event-files.ts";
import { toRow, warehouseExamples, warehouseSettings } from "./warehouse.ts";

/** What a file is and where it lies: the same for every store that speaks S3. */
export const fileSettings = {
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "is a bucket's name"),
  /** Before the partitions: `events` makes `events/dt=2026-11-20/…`. */
  prefix: z
    .string()
    .regex(/^[\w.=-]+(\/[\w.=-]+)*$/, "is a path of letters, digits, _, ., = and -, without a slash at either end")
    .default("events"),
  format: z.enum(FILE_FORMATS).default("parquet"),
  access_key_id: z.string().min(1),
  secret_access_key: secret(),
  ...warehouseSettings,
};

const settings = z.object({
  ...fileSettings,
  region: z.string().regex(/^[a-z0-9-]+$/, "is a region, e.g. eu-central-1"),
  /** Of another store than AWS that speaks S3, e.g. `https://minio.example.com`; the bucket is then the path's beginning. */
  endpoint: customerUrl().optional(),
});
export type S3Settings = z.infer<typeof settings>;

// A request is never for two queue messages, so a message that comes twice writes the same objects again, under the same names.
export const fileLimits = {
  eventsPerRequest: 10_000,
  requestsPerSecond: 100,
  giveUpAfterHours: 168,
  timeoutMs: 20_000,
  keepsMessages: true,
} as const;

export const s3 = defineDestination<S3Settings, EventRow>({
  name: "s3",
  title: "S3 and compatible stores",
  purpose: "functional",
  settings,
  exampleSettings: {
    bucket: "my-shop-events",
    prefix: "events",
    format: "parquet",
    region: "eu-central-1",
    access_key_id: "AKIAEXAMPLE",
    secret_access_key: "example-secret-access-key",
    columns: { plan: "string" },
  },
  limits: fileLimits,
  authentication: ({ access_key_id, secret_access_key, region }) => ({
    scheme: "aws_sigv4",
    access_key_id,
    secret_access_key,
    region,
    service: "s3",
  }),
  groupBy: dayOf,
  map: toRow,
  request: (rows, settings) => putFile(rows, addressOf(settings), settings),
  outcome: storeOutcome,
  examples: warehouseExamples(),
});

function addressOf({ bucket, region, endpoint }: S3Settings): string {
  if (endpoint) return `${endpoint.replace(/\/+$/, "")}/${bucket}`;
  // A name with dots does not fit the certificate of *.s3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
  return bucket.includes(".")
    ? `https://s3.${region}.amazonaws.com/${bucket}`
    : `https://${bucket}.s3.${region}.amazonaws.com`;
}

/** Files are partitioned by the UTC day of arrival, as the lake is. */
export function dayOf({ received_at }: EventRow): string {
  return received_at.slice(0, 10);
}

/** The object's name follows from its events alone: who sends them again overwrites it. */
export function putFile(
  rows: EventRow[],
  bucketUrl: string,
  { prefix, format, columns }: { prefix: string; format: FileFormat; columns: PropertyColumns },
) {
  const ids = rows.map(({ message_id }) => message_id).sort();
  const name = `${sha256(ids.join("\n")).slice(0, 32)}.${EXTENSION[format]}`;
  const bytes = fileOf(rows, format, columns);
  return {
    url: `${bucketUrl}/${prefix}/dt=${dayOf(rows[0]!)}/${name}`,
    method: "PUT" as const,
    headers: { "content-type": CONTENT_TYPE[format] },
    body: `${rows.length} events as ${format}, ${bytes.byteLength} bytes`,
    bytes,
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: the code decides, where there is one. */
const PASSING =
  /^(InternalError|SlowDown|ServiceUnavailable|RequestTimeout|RequestTimeTooSkewed|OperationAborted|TemporaryRedirect)$/;
/** Keys, rights, bucket and region are the settings': no event is at fault. */
const SETTINGS =
  /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|NoSuchBucket|PermanentRedirect|AuthorizationHeaderMalformed|ExpiredToken|InvalidToken|AllAccessDisabled|AccountProblem|InvalidBucketName|Unauthorized)$/;

export function storeOutcome(response: VendorResponse): Outcome {
  const outcome = httpOutcome(response);
  if (outcome.outcome === "delivered") return outcome;
  const of = (tag: string) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(response.body)?.[1];
  const code = of("Code") ?? "";
  const region = response.headers["x-amz-bucket-region"];
  const reason = [`HTTP ${response.status}`, code, of("Message"), region && `the bucket is in ${region}`]
    .filter(Boolean)
    .join(": ")
    .slice(0, 300);
  if (PASSING.test(code)) return { outcome: "retry", reason };
  if (SETTINGS.test(code) || [301, 403, 404].includes(response.status)) return { outcome: "unauthorised", reason };
  return { ...outcome, reason };
}
