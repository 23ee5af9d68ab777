// https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
import * as z from "zod";
import { type Column, columnsOf, type EventRow } from "../../../core/event-row.ts";
import { isRecord, pick, record } from "../../../core/values.ts";
import { googleAccountKey } from "../authentication.ts";
import {
  defineDestination,
  httpOutcome,
  type Mending,
  type Outcome,
  type VendorRequest,
  type VendorResponse,
} from "../destination.ts";
import { toRow, warehouseExamples, warehouseSettings } from "./warehouse.ts";

const settings = z.object({
  project_id: z.string().regex(/^[a-z][a-z0-9.:-]{4,62}$/, "is a project's id, e.g. my-shop-123"),
  dataset: z.string().regex(/^\w{1,1024}$/, "is a dataset's name: letters, digits and _"),
  /** Made where it is not there, in the dataset, which must be. */
  table: z
    .string()
    .regex(/^\w{1,1024}$/, "is a table's name: letters, digits and _")
    .default("events"),
  /** With BigQuery Data Editor on the dataset. */
  service_account: googleAccountKey(),
  ...warehouseSettings,
});
export type BigQuerySettings = z.infer<typeof settings>;

/** As the REST API names types; `FLOAT64` and the like are SQL's names for the same. */
const TYPES = {
  string: "STRING",
  timestamp: "TIMESTAMP",
  integer: "INTEGER",
  number: "FLOAT",
  boolean: "BOOLEAN",
  json: "JSON",
} as const;
const SAME: Record<string, string> = { INT64: "INTEGER", FLOAT64: "FLOAT", BOOL: "BOOLEAN" };

/**
 * A table or column that was just made takes rows only after a while, and until then may lose what it seems to take:
 * https://github.com/googleapis/python-bigquery/issues/1331, https://cloud.google.com/bigquery/docs/error-messages#streaming
 */
const SETTLING_S = 120;

export const bigquery = defineDestination<BigQuerySettings, EventRow>({
  name: "bigquery",
  title: "BigQuery",
  purpose: "functional",
  settings,
  exampleSettings: {
    project_id: "my-shop-123",
    dataset: "millrace",
    table: "events",
    service_account: JSON.stringify({
      client_email: "millrace@my-shop-123.iam.gserviceaccount.com",
      private_key: "-----BEGIN PRIVATE KEY-----\nZXhhbXBsZQ==\n-----END PRIVATE KEY-----\n",
    }),
    columns: { plan: "string" },
  },
  // 500 rows are what Google recommends; a request may have 10 MB.
  limits: {
    eventsPerRequest: 500,
    bytesPerRequest: 8 * 1024 * 1024,
    requestsPerSecond: 100,
    giveUpAfterHours: 168,
    timeoutMs: 20_000,
  },
  authentication: ({ service_account: key }) => ({
    scheme: "google_service_account",
    key,
    scope: "https://www.googleapis.com/auth/bigquery",
  }),

  map: toRow,

  request(rows, settings, { token }) {
    const types = new Map(columnsOf(settings.columns).map(({ name, type }) => [name, type]));
    return call("POST", `${tableUrl(settings)}/insertAll`, token, {
      // Good rows go in beside bad ones; BigQuery tells repeated rows by insertId, for a minute at least.
      skipInvalidRows: true,
      rows: rows.map((row) => ({
        insertId: row.message_id,
        json: Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            types.get(name) === "json" ? JSON.stringify(value) : value,
          ]),
        ),
      })),
    });
  },

  *mend(response, _rows, settings, { token }): Mending {
    const isTableMissing = response.status === 404;
    if (!isTableMissing && !insertErrors(response).some(({ errors }) => errors.some(isUnknownField))) return undefined;
    const table = yield call("GET", tableUrl(settings), token);
    const wanted = columnsOf(settings.columns);
    if (table.status === 404) {
      const { project_id, dataset, table: name } = settings;
      const made = yield call("POST", tablesUrl(settings), token, {
        tableReference: { projectId: project_id, datasetId: dataset, tableId: name },
        schema: { fields: wanted.map(fieldOf) },
        timePartitioning: { type: "DAY", field: "received_at" },
        clustering: { fields: ["event", "anonymous_id"] },
      });
      // 409: another of us was faster.
      if (made.status === 200 || made.status === 409) return settling(`the table ${name} was made`);
      return made.status === 404
        ? { outcome: "unauthorised", reason: `there is no dataset ${dataset} in ${project_id}: ${words(made)}` }
        : setupOutcome(made, `the table ${name} cannot be made`);
    }
    if (table.status !== 200) return setupOutcome(table, "the table cannot be read");
    // It is there, and the part of BigQuery that takes rows has not heard of it.
    if (isTableMissing) return settling("the table is new");
    const fields = fieldsOf(table);
    const conflict = wanted.find(({ name, type }) => (fields.get(name) ?? TYPES[type]) !== TYPES[type]);
    if (conflict) {
      const { name, type } = conflict;
      return {
        outcome: "unauthorised",
        reason: `type conflict: the column ${name} of ${settings.table} is ${fields.get(name)}, and ${TYPES[type]} is written to it`,
      };
    }
    const missing = wanted.filter(({ name }) => !fields.has(name));
    if (missing.length === 0) return settling("the columns are new");
    const { etag, schema } = record(table.json);
    const existing = record(schema).fields as unknown[];
    const widened = yield {
      ...call("PATCH", tableUrl(settings), token, {
        schema: { fields: [...existing, ...missing.map((column) => ({ ...fieldOf(column), mode: "NULLABLE" }))] },
      }),
      // Another's column is not to be lost: 412 where the table changed in between.
      headers: { ...headersOf(token), "if-match": String(etag) },
    };
    if (widened.status === 200 || widened.status === 412)
      return settling(`${missing.map(({ name }) => name).join(", ")} added to the table`);
    return setupOutcome(widened, "the table cannot be widened");
  },

  outcome(response, rows): Outcome | Outcome[] {
    if (response.status === 200) {
      const refused = new Map(insertErrors(response).map(({ index, errors }) => [index, errors]));
      if (refused.size === 0) return { outcome: "delivered" };
      return rows.map((_, index): Outcome => {
        const errors = refused.get(index);
        if (!errors) return { outcome: "delivered" };
        const reason = errors
          .map((error) => wordsOf(error))
          .join("; ")
          .slice(0, 300);
        // `stopped` was in good order, and a new column is not known everywhere at once.
        const passes = errors.every(
          (error) => /^(stopped|backendError|timeout)$/.test(error.reason) || isUnknownField(error),
        );
        return passes ? { outcome: "retry", reason, after_s: SETTLING_S } : { outcome: "rejected", reason };
      });
    }
    const reason = words(response);
    // https://cloud.google.com/bigquery/docs/error-messages: the reason decides, since quotas come with 403 too.
    if (/^(rateLimitExceeded|quotaExceeded|backendError|internalError|jobRateLimitExceeded)$/.test(reasonOf(response)))
      return { outcome: "retry", reason };
    if (response.status === 404) return { outcome: "retry", reason, after_s: SETTLING_S };
    const outcome = httpOutcome(response);
    if (outcome.outcome === "rejected" && rows.length > 1) return { outcome: "batch_refused", reason };
    return "reason" in outcome ? { ...outcome, reason } : outcome;
  },

  examples: warehouseExamples(),
});

const tablesUrl = ({ project_id, dataset }: BigQuerySettings) =>
  `https://bigquery.googleapis.com/bigquery/v2/projects/${project_id}/datasets/${dataset}/tables`;
const tableUrl = (settings: BigQuerySettings) => `${tablesUrl(settings)}/${settings.table}`;

const headersOf = (token: string | undefined) => ({
  "content-type": "application/json",
  authorization: `Bearer ${token}`,
});

function call(method: VendorRequest["method"], url: string, token: string | undefined, body?: object): VendorRequest {
  return { method, url, headers: headersOf(token), body: body ? JSON.stringify(body) : "" };
}

const fieldOf = ({ name, type, required }: Column & { required?: true }) => ({
  name,
  type: TYPES[type],
  mode: required ? "REQUIRED" : "NULLABLE",
});

/** Name → type, in the REST API's words. */
function fieldsOf({ json }: VendorResponse): Map<string, string> {
  const fields = record(record(json).schema).fields;
  const named = (Array.isArray(fields) ? fields : []).map((field): [string, string] => {
    const { name, type } = record(field);
    return [String(name).toLowerCase(), SAME[String(type)] ?? String(type)];
  });
  return new Map(named);
}

interface InsertError {
  index: number;
  errors: { reason: string; location: string; message: string }[];
}

function insertErrors({ status, json }: VendorResponse): InsertError[] {
  const listed = status === 200 ? record(json).insertErrors : undefined;
  if (!Array.isArray(listed)) return [];
  return listed.filter(isRecord).map(({ index, errors }) => ({
    index: Number(index),
    errors: (Array.isArray(errors) ? errors : []).map((error) => ({
      reason: pick(record(error), "reason") ?? "invalid",
      location: pick(record(error), "location") ?? "",
      message: pick(record(error), "message") ?? "",
    })),
  }));
}

const isUnknownField = ({ message }: InsertError["errors"][number]) => /no such field/i.test(message);
const wordsOf = ({ reason, location, message }: InsertError["errors"][number]) =>
  `${reason}${location && ` at ${location}`}: ${message}`;

function reasonOf({ json }: VendorResponse): string {
  const [first] = (record(record(json).error).errors as unknown[] | undefined) ?? [];
  return pick(record(first), "reason") ?? "";
}

function words(response: VendorResponse): string {
  const message = pick(record(record(response.json).error), "message") ?? response.body.slice(0, 200);
  return [`HTTP ${response.status}`, reasonOf(response), message].filter(Boolean).join(": ").slice(0, 300);
}

const settling = (what: string): Outcome => ({
  outcome: "retry",
  reason: `${what}; rows go in once BigQuery takes them`,
  after_s: SETTLING_S,
});

/** Of a request about the table: what HTTP refuses there, a person must mend. */
function setupOutcome(response: VendorResponse, what: string): Outcome {
  const passing = httpOutcome(response).outcome === "retry" || /(rateLimit|quota)Exceeded/.test(reasonOf(response));
  return { outcome: passing ? "retry" : "unauthorised", reason: `${what}: ${words(response)}` };
}
