// https://cloud.google.com/bigquery/docs/reference/rest/v2/tables and …/tabledata/insertAll
import { unauthenticated } from "./google-oauth.ts";
import { isObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type SentEvent, type Vendor, type Verdict } from "./vendor.ts";

interface Field {
  name: string;
  type: string;
  mode?: string;
}

export interface BigQueryTable {
  etag: number;
  fields: Field[];
  /** By insertId where there is one: repeated within a minute, a row is the same row. */
  rows: Map<string, Record<string, unknown>>;
}

/** Datasets are there before anybody writes: `project/dataset` → its tables. */
export const datasets = new Map<string, Map<string, BigQueryTable>>();

const MOST_ROWS = 50_000;
const MOST_BYTES = 10 * 1024 * 1024;
const TYPES = new Set(
  "STRING BYTES INTEGER INT64 FLOAT FLOAT64 NUMERIC BOOLEAN BOOL TIMESTAMP DATE DATETIME JSON".split(" "),
);

const failed = (code: number, reason: string, message: string): Answer => ({
  status: code,
  body: { error: { code, message, errors: [{ message, domain: "global", reason }] } },
});
const only = (answer: Answer, events: SentEvent[] = []): Verdict => ({ answer, events });

export const bigQuery: Vendor = {
  name: "bigquery",
  dedupWindowMs: 60_000,

  async authorise({ headers }) {
    return unauthenticated(headers);
  },

  receive({ url, method, body, bodyBytes, headers }) {
    const path = /^\/bigquery\/v2\/projects\/([^/]+)\/datasets\/([^/]+)\/tables(?:\/([^/]+))?(\/insertAll)?$/.exec(
      url.pathname,
    );
    if (!path) return only(failed(404, "notFound", "Not Found"));
    const [, project, dataset, name, insert] = path;
    const tables = datasets.get(`${project}/${dataset}`);
    if (!tables) return only(failed(404, "notFound", `Not found: Dataset ${project}:${dataset}`));
    const json = parseJson(body.toString());
    if (!name)
      return only(method === "POST" ? create(tables, json) : failed(400, "invalid", "list is not played here"));
    const table = tables.get(name);
    if (!table) return only(failed(404, "notFound", `Not found: Table ${project}:${dataset}.${name}`));
    if (insert)
      return bodyBytes > MOST_BYTES ? only(failed(413, "uploadTooLarge", "Request too large")) : insertAll(table, json);
    if (method === "GET") return only(shown(table));
    if (method === "PATCH") return only(patch(table, json, headers["if-match"]));
    return only(failed(400, "invalid", `${method} is not played here`));
  },

  partial: (verdict, keeps) =>
    keeps()
      ? verdict
      : refuseAll(
          verdict,
          failed(503, "backendError", "Error encountered during execution. Retrying may solve the problem."),
        ),
  fault: (fault) => {
    if (fault === "error-in-200") return undefined;
    return fault === "429"
      ? failed(403, "rateLimitExceeded", "Exceeded rate limits")
      : failed(500, "internalError", "An internal error occurred");
  },
};

const shown = ({ etag, fields }: BigQueryTable): Answer => ({
  status: 200,
  body: { kind: "bigquery#table", etag: `"${etag}"`, schema: { fields } },
});

function create(tables: Map<string, BigQueryTable>, json: unknown): Answer {
  const { tableReference, schema } = (json ?? {}) as {
    tableReference?: { tableId?: string };
    schema?: { fields?: Field[] };
  };
  const id = tableReference?.tableId;
  const fields = schema?.fields;
  if (!id || !Array.isArray(fields)) return failed(400, "invalid", "Required parameter is missing");
  if (tables.has(id)) return failed(409, "duplicate", `Already Exists: Table ${id}`);
  const wrong = fields.find(({ name, type }) => !TYPES.has(type) || !/^[A-Za-z_]\w{0,299}$/.test(name));
  if (wrong) return failed(400, "invalid", `Invalid field ${wrong.name} of type ${wrong.type}`);
  const table = { etag: 1, fields, rows: new Map() };
  tables.set(id, table);
  return shown(table);
}

/** Columns may be added, as NULLABLE; none may be missing or of another type. */
function patch(table: BigQueryTable, json: unknown, ifMatch: string | undefined): Answer {
  if (ifMatch !== undefined && ifMatch !== `"${table.etag}"`)
    return failed(412, "conditionNotMet", "Precondition Failed");
  const fields = (json as { schema?: { fields?: Field[] } } | undefined)?.schema?.fields ?? [];
  const gone = table.fields.find(
    ({ name, type }) => !fields.some((field) => field.name === name && field.type === type),
  );
  if (gone)
    return failed(400, "invalid", `Provided Schema does not match Table. Field ${gone.name} has changed or is missing`);
  const before = new Set(table.fields.map(({ name }) => name));
  const required = fields.find(({ name, mode }) => !before.has(name) && mode === "REQUIRED");
  if (required)
    return failed(400, "invalid", `Cannot add required fields to an existing schema. (field: ${required.name})`);
  table.fields = fields;
  table.etag++;
  return shown(table);
}

function insertAll(table: BigQueryTable, json: unknown): Verdict {
  const {
    rows,
    skipInvalidRows = false,
    ignoreUnknownValues = false,
  } = (json ?? {}) as {
    rows?: { insertId?: string; json?: unknown }[];
    skipInvalidRows?: boolean;
    ignoreUnknownValues?: boolean;
  };
  if (!Array.isArray(rows) || rows.length === 0) return only(failed(400, "invalid", "No rows present in the request."));
  if (rows.length > MOST_ROWS) return only(failed(400, "invalid", "Too many rows present in the request"));
  const problems = rows.map(({ json }) => problemOf(table.fields, json, ignoreUnknownValues));
  const isStopped = !skipInvalidRows && problems.some(Boolean);
  const insertErrors = problems.flatMap((problem, index) => {
    if (problem) return [{ index, errors: [{ reason: "invalid", debugInfo: "", ...problem }] }];
    return isStopped ? [{ index, errors: [{ reason: "stopped", location: "", debugInfo: "", message: "" }] }] : [];
  });
  const events = rows.map(({ insertId, json }, i) => {
    const accepted = !isStopped && !problems[i];
    if (accepted) table.rows.set(insertId ?? `row ${table.rows.size}`, json as Record<string, unknown>);
    return { message_id: insertId, dedup_key: insertId, accepted };
  });
  const body = { kind: "bigquery#tableDataInsertAllResponse", ...(insertErrors.length && { insertErrors }) };
  return only({ status: 200, body }, events);
}

function problemOf(
  fields: Field[],
  row: unknown,
  ignoreUnknown: boolean,
): { location: string; message: string } | undefined {
  if (!isObject(row)) return { location: "", message: "This field is not a record." };
  for (const [name, value] of Object.entries(row)) {
    const field = fields.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!field && !ignoreUnknown) return { location: name, message: `no such field: ${name}.` };
    const wrong = field && value !== null && wrongValue(field.type, value);
    if (wrong) return { location: name, message: wrong };
  }
  const missing = fields.find(({ name, mode }) => mode === "REQUIRED" && (row[name] ?? null) === null);
  return missing && { location: missing.name, message: `Missing required field: ${missing.name}.` };
}

function wrongValue(type: string, value: unknown): string | undefined {
  const text = String(value);
  switch (type) {
    case "JSON":
      return typeof value === "string" && parseJson(value) !== undefined ? undefined : "Invalid JSON";
    case "STRING":
      return typeof value === "object" ? "Cannot convert value to string (bad value)" : undefined;
    case "INTEGER":
    case "INT64":
      return /^-?\d+$/.test(text) ? undefined : `Cannot convert value to integer (bad value): ${text}`;
    case "FLOAT":
    case "FLOAT64":
    case "NUMERIC":
      return Number.isFinite(Number(text)) ? undefined : `Cannot convert value to floating point (bad value): ${text}`;
    case "BOOLEAN":
    case "BOOL":
      return /^(true|false)$/i.test(text) ? undefined : `Cannot convert value to boolean (bad value): ${text}`;
    case "TIMESTAMP":
      return Number.isNaN(Date.parse(text)) ? `Could not parse '${text}' as a timestamp.` : undefined;
    default:
      return undefined;
  }
}
