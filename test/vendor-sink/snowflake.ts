// https://docs.snowflake.com/en/developer-guide/sql-api/reference and …/sql-api/authenticating
import { createHash } from "node:crypto";
import { importSPKI, jwtVerify } from "jose";
import { parseJson } from "./json.ts";
import { type Answer, refuseAll, type SentEvent, type Vendor, type Verdict } from "./vendor.ts";

export interface SnowflakeTable {
  /** Name in capitals → SQL type. */
  columns: Map<string, string>;
  rows: Record<string, unknown>[];
}

/** `ACCOUNT.USER` → the public key that ALTER USER set, PEM. */
export const users = new Map<string, string>();
/** `DATABASE.SCHEMA` → its tables, by name. */
export const schemas = new Map<string, Map<string, SnowflakeTable>>();

const failed = (code: string, sqlState: string, message: string): Answer => ({
  status: 422,
  body: { code, sqlState, message: `SQL compilation error:\n${message}`, statementHandle: "01a2-sink" },
});
const only = (answer: Answer, events: SentEvent[] = []): Verdict => ({ answer, events });
const done = (message: string): Answer => ({
  status: 200,
  body: { code: "090001", sqlState: "00000", message, statementHandle: "01a2-sink" },
});

/** Understands the three statements that it takes to keep a table, and no other SQL. */
export const snowflake: Vendor = {
  name: "snowflake",
  dedupWindowMs: Number.POSITIVE_INFINITY,

  async authorise({ headers, now }) {
    const refuse = (message: string): Answer => ({ status: 401, body: { code: "390144", message } });
    if (headers["x-snowflake-authorization-token-type"] !== "KEYPAIR_JWT") return refuse("JWT token type is missing");
    const token = headers.authorization?.replace(/^Bearer /, "") ?? "";
    try {
      const { sub } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { sub: string };
      const pem = users.get(sub);
      if (!pem) return refuse("JWT token is invalid: no such user");
      const { payload } = await jwtVerify(token, await importSPKI(pem, "RS256"), {
        algorithms: ["RS256"],
        issuer: `${sub}.SHA256:${fingerprint(pem)}`,
        currentDate: new Date(now),
      });
      if ((payload.exp ?? 0) - (payload.iat ?? 0) > 3_600) return refuse("JWT token is valid for too long");
      return undefined;
    } catch (error) {
      return refuse(`JWT token is invalid. [${error}]`);
    }
  },

  receive({ url, method, body }) {
    if (url.pathname !== "/api/v2/statements" || method !== "POST")
      return only({ status: 404, body: { message: "Not Found" } });
    const asked = parseJson(body.toString()) as Asked | undefined;
    if (!asked?.statement) return only({ status: 400, body: { code: "391902", message: "statement is missing" } });
    const tables = schemas.get(`${asked.database}.${asked.schema}`);
    if (!tables)
      return only(
        failed("002003", "02000", `Schema '${asked.database}.${asked.schema}' does not exist or not authorized.`),
      );
    return run(asked, tables);
  },

  partial: (verdict, keeps) =>
    keeps() ? verdict : refuseAll(verdict, { status: 503, body: { message: "Service Unavailable" } }),
  fault: (fault) =>
    fault === "error-in-200" ? undefined : { status: Number(fault), body: { message: "Something went wrong" } },
};

interface Asked {
  statement: string;
  database?: string;
  schema?: string;
  bindings?: Record<string, { type: string; value: string }>;
}

function fingerprint(pem: string): string {
  return createHash("sha256")
    .update(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64"))
    .digest("base64");
}

function run({ statement, bindings }: Asked, tables: Map<string, SnowflakeTable>): Verdict {
  const create = /^CREATE TABLE IF NOT EXISTS "([^"]+)" \((.+)\)$/s.exec(statement);
  if (create) {
    if (!tables.has(create[1]!)) tables.set(create[1]!, { columns: new Map(definitions(create[2]!)), rows: [] });
    return only(done(`Table ${create[1]} successfully created.`));
  }
  const alter = /^ALTER TABLE "([^"]+)" ADD COLUMN (.+)$/s.exec(statement);
  if (alter) {
    const table = tables.get(alter[1]!);
    if (!table) return only(failed("002003", "42S02", `Table '${alter[1]}' does not exist or not authorized.`));
    for (const [name, type] of definitions(alter[2]!)) if (!table.columns.has(name)) table.columns.set(name, type);
    return only(done("Statement executed successfully."));
  }
  const merge =
    /^MERGE INTO "([^"]+)" t USING \(SELECT (.+) FROM TABLE\(FLATTEN\(INPUT => PARSE_JSON\(\?\)\)\)\) s ON t\.("[^"]+") = s\.\3 WHEN NOT MATCHED THEN INSERT \((.+?)\) VALUES \((.+?)\)$/s.exec(
      statement,
    );
  if (!merge)
    return only(failed("001003", "42000", `syntax error line 1 at position 0 unexpected '${statement.slice(0, 20)}'.`));
  return mergeInto(tables, merge as unknown as string[], bindings?.["1"]);
}

function* definitions(list: string): Generator<[string, string]> {
  for (const [, name, type] of list.matchAll(/(?:IF NOT EXISTS )?"([^"]+)" ([A-Z_]+(?:\(\d+,\d+\))?)/g))
    yield [name!, type!];
}

function mergeInto(
  tables: Map<string, SnowflakeTable>,
  [, name, selected, key, into]: string[],
  bound: { type: string; value: string } | undefined,
): Verdict {
  const table = tables.get(name!);
  if (!table) return only(failed("002003", "42S02", `Object '${name}' does not exist or not authorized.`));
  if (bound?.type !== "TEXT") return only(failed("002049", "42601", "Bind variable ? not set."));
  const incoming = parseJson(bound.value);
  if (!Array.isArray(incoming))
    return only({ status: 422, body: { code: "100069", sqlState: "22P02", message: "Error parsing JSON" } });
  const source = [...selected!.matchAll(/value:"([^"]+)"::([A-Z_]+(?:\(\d+,\d+\))?) AS "([^"]+)"/g)];
  const columns = into!.split(", ").map((one) => one.slice(1, -1));
  const unknown = columns.find((column) => !table.columns.has(column));
  if (unknown) return only(failed("000904", "42000", `error line 1 at position 9\ninvalid identifier '"${unknown}"'`));
  const conflict = source.find(([, , type, column]) => table.columns.get(column!) !== type);
  if (conflict) {
    const [, , type, column] = conflict;
    return only(
      failed(
        "002023",
        "22000",
        `Expression type does not match column data type, expecting ${table.columns.get(column!)} but got ${type} for column ${column}`,
      ),
    );
  }
  const keyName = key!.slice(1, -1);
  // As Snowflake does it: matched against what was there before, so that two of the source with one key are two rows.
  const before = new Set(table.rows.map((row) => row[keyName]));
  const rows = incoming.map((value) =>
    Object.fromEntries(source.map(([, from, , column]) => [column!, value[from!] ?? null])),
  );
  for (const row of rows) if (!before.has(row[keyName])) table.rows.push(row);
  return only(
    done("Statement executed successfully."),
    rows.map((row) => ({ message_id: String(row[keyName]), accepted: true })),
  );
}
