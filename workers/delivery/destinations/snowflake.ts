// https://docs.snowflake.com/en/developer-guide/sql-api/reference
import * as z from "zod";
import { type Column, columnsOf, type EventRow } from "../../../core/event-row.ts";
import { pick, record } from "../../../core/values.ts";
import { privateKeyPem } from "../authentication.ts";
import {
  defineDestination,
  httpOutcome,
  type Mending,
  type Outcome,
  type VendorRequest,
  type VendorResponse,
} from "../destination.ts";
import { distinct, toRow, warehouseExamples, warehouseSettings } from "./warehouse.ts";

const name = () => z.string().regex(/^[A-Za-z_][A-Za-z0-9_$]{0,254}$/, "is a name: letters, digits, _ and $");

const settings = z.object({
  /** `org-account`, or the locator with its region: `xy12345.eu-central-1`. */
  account: z.string().regex(/^[A-Za-z0-9_]+([.-][A-Za-z0-9_-]+)*$/, "is an account identifier, e.g. myorg-account1"),
  user: name(),
  /** Of the user, whose public half Snowflake knows (ALTER USER … SET RSA_PUBLIC_KEY). */
  private_key: privateKeyPem(),
  warehouse: name(),
  database: name(),
  schema: name().default("PUBLIC"),
  role: name().optional(),
  /** Made where it is not there. */
  table: name().default("EVENTS"),
  ...warehouseSettings,
});
export type SnowflakeSettings = z.infer<typeof settings>;

const TYPES = {
  string: "VARCHAR",
  timestamp: "TIMESTAMP_TZ",
  integer: "NUMBER(38,0)",
  number: "FLOAT",
  boolean: "BOOLEAN",
  json: "VARIANT",
} as const;

/** https://docs.snowflake.com/en/developer-guide/sql-api/handling-errors; the codes are those of the compiler. */
const DOES_NOT_EXIST = "002003";
const INVALID_IDENTIFIER = "000904";
const WRONG_TYPE = new Set(["002023", "001065", "100038", "100035", "100132"]);

export const snowflake = defineDestination<SnowflakeSettings, EventRow>({
  name: "snowflake",
  title: "Snowflake",
  purpose: "functional",
  settings,
  exampleSettings: {
    account: "myorg-account1",
    user: "MILLRACE",
    private_key: "-----BEGIN PRIVATE KEY-----\nZXhhbXBsZQ==\n-----END PRIVATE KEY-----\n",
    warehouse: "LOADING",
    database: "SHOP",
    schema: "PUBLIC",
    table: "EVENTS",
    columns: { plan: "string" },
  },
  // A statement costs a warehouse's time whatever it holds, so few large ones; a bound text may have 16 MB.
  limits: {
    eventsPerRequest: 1_000,
    bytesPerRequest: 8 * 1024 * 1024,
    requestsPerSecond: 2,
    giveUpAfterHours: 168,
    timeoutMs: 60_000,
  },
  authentication: ({ account, user, private_key }) => ({ scheme: "snowflake_key_pair", account, user, private_key }),

  map: toRow,

  request: (rows, settings, { token }) => statement(settings, token, merge(settings), JSON.stringify(distinct(rows))),

  *mend(response, _rows, settings, { token }): Mending {
    const code = codeOf(response);
    const { table, database, schema } = settings;
    if (code === DOES_NOT_EXIST) {
      const columns = columnsOf(settings.columns).map(definition).join(", ");
      const made = yield statement(settings, token, `CREATE TABLE IF NOT EXISTS ${quoted(table)} (${columns})`);
      return made.status === 200
        ? "again"
        : setupOutcome(made, `the table ${database}.${schema}.${table} cannot be made`);
    }
    if (code === INVALID_IDENTIFIER) {
      const columns = columnsOf(settings.columns)
        .map(({ name, type }) => `IF NOT EXISTS ${definition({ name, type })}`)
        .join(", ");
      const widened = yield statement(settings, token, `ALTER TABLE ${quoted(table)} ADD COLUMN ${columns}`);
      return widened.status === 200 ? "again" : setupOutcome(widened, `the table ${table} cannot be widened`);
    }
    return undefined;
  },

  outcome(response, rows): Outcome {
    const { status } = response;
    const reason = words(response);
    if (status === 200) return { outcome: "delivered" };
    // Still at work, or cancelled for its time: the statement can be repeated, since it inserts only what is missing.
    if (status === 202 || status === 408) return { outcome: "retry", reason, after_s: 30 };
    if (status === 422) {
      const code = codeOf(response);
      if (WRONG_TYPE.has(code)) return { outcome: "unauthorised", reason: `type conflict in ${reason}` };
      // Names that do not exist or may not be used: the settings', or rights that the role lacks. No event is at fault.
      if (code === DOES_NOT_EXIST || code === INVALID_IDENTIFIER || /^(003001|000606|002043|090105)$/.test(code))
        return { outcome: "unauthorised", reason };
      return rows.length > 1 ? { outcome: "batch_refused", reason } : { outcome: "rejected", reason };
    }
    const outcome = httpOutcome(response);
    if (outcome.outcome === "rejected" && rows.length > 1) return { outcome: "batch_refused", reason };
    return "reason" in outcome ? { ...outcome, reason } : outcome;
  },

  examples: warehouseExamples(),
});

/** Rows come as one bound text, so that nothing that a customer sent is ever part of a statement. Twice is once. */
function merge({ table, columns }: SnowflakeSettings): string {
  const all = columnsOf(columns);
  const names = all.map(({ name }) => column(name));
  const values = all.map(({ name, type }) => `value:${quoted(name)}::${TYPES[type]} AS ${column(name)}`);
  return [
    `MERGE INTO ${quoted(table)} t`,
    `USING (SELECT ${values.join(", ")} FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))) s`,
    `ON t.${column("message_id")} = s.${column("message_id")}`,
    `WHEN NOT MATCHED THEN INSERT (${names.join(", ")}) VALUES (${names.map((one) => `s.${one}`).join(", ")})`,
  ].join(" ");
}

function statement(settings: SnowflakeSettings, token: string | undefined, sql: string, bound?: string): VendorRequest {
  const { account, warehouse, database, schema, role } = settings;
  return {
    url: `https://${account}.snowflakecomputing.com/api/v2/statements`,
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      authorization: `Bearer ${token}`,
      "x-snowflake-authorization-token-type": "KEYPAIR_JWT",
      "user-agent": "millrace/1.0",
    },
    body: JSON.stringify({
      statement: sql,
      ...(bound !== undefined && { bindings: { "1": { type: "TEXT", value: bound } } }),
      // Less than ours, so that Snowflake and not we give up first.
      timeout: 50,
      warehouse,
      database,
      schema,
      ...(role && { role }),
    }),
  };
}

const definition = ({ name, type, required }: Column & { required?: true }) =>
  `${column(name)} ${TYPES[type]}${required ? " NOT NULL" : ""}`;

/** The names of columns are ours, in capitals as Snowflake writes what is not quoted; in quotes, since some are its own words. */
const column = (name: string) => quoted(name.toUpperCase());
const quoted = (name: string) => `"${name}"`;

const codeOf = ({ json }: VendorResponse) => pick(record(json), "code") ?? "";

function words(response: VendorResponse): string {
  const answer = record(response.json);
  const said = pick(answer, "message") ?? response.body.slice(0, 200);
  return [`HTTP ${response.status}`, pick(answer, "code"), said].filter(Boolean).join(": ").slice(0, 300);
}

/** What cannot be made or widened, a person must mend. */
function setupOutcome(response: VendorResponse, what: string): Outcome {
  const passing = response.status === 202 || httpOutcome(response).outcome === "retry";
  return { outcome: passing ? "retry" : "unauthorised", reason: `${what}: ${words(response)}` };
}
