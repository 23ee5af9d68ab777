import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import { configKey } from "../../../core/environment.ts";
import {
  type LookupTable,
  lookUp,
  lookupTable,
  parseTable,
  TABLE_BYTES,
  tableName,
} from "../../../core/pipeline/lookup-table.ts";
import { addVersion, getVersion, listVersions } from "../../../db/configuration-versions.ts";
import { compiledTables } from "../../../db/pipelines.ts";
import { publishEnvironment } from "../../../db/publish-environment.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { authorshipInQuery } from "../document-versions.ts";
import { environmentOf } from "./environment-of.ts";

const subjectOf = (environment_id: string, name: string) =>
  ({ kind: "lookup_table", subject_id: `${environment_id}/${name}`, environment_id }) as const;

/**
 * Tables that pipelines look things up in. PUT /:name?key=sku takes the whole file as its body, CSV (`text/csv`) or JSON: a new version, in
 * use at once. GET / lists them, GET /:name its versions, GET /:name/rows/:key one row.
 */
export const lookupTables = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const environment = await environmentOf(c);
    const db = drizzle(c.env.DB, { schema });
    const tables = Object.entries(await compiledTables(db, environment.id));
    const versions = await Promise.all(
      tables.map(([name, version]) => getVersion(db, subjectOf(environment.id, name), version)),
    );
    return c.json({
      tables: versions.map(({ version, document, author, note, created_at }, i) => ({
        name: tables[i]![0],
        version,
        ...(document as object),
        author,
        note,
        created_at,
      })),
    });
  })
  .put("/:name", async (c) => {
    const { id } = await environmentOf(c);
    const name = nameOf(c.req.param("name"));
    const key = c.req.query("key");
    if (!key) throw new ApiError("invalid_request", "key: which column do you look things up by?");
    const length = Number(c.req.header("content-length") ?? 0);
    if (length > TABLE_BYTES) throw new ApiError("request_too_large", `A table has at most ${TABLE_BYTES} bytes`);
    const by = authorshipInQuery(c);
    const format = /json/.test(c.req.header("content-type") ?? "") ? "json" : "csv";
    const body = await c.req.text();
    const parsed = parseTable(body, format, key);
    if (!parsed.ok) throw new ApiError("invalid_request", parsed.message);

    const db = drizzle(c.env.DB, { schema });
    const about = { key, columns: parsed.table.columns, rows: parsed.rows, bytes: Buffer.byteLength(body, "utf8") };
    const head = await addVersion(db, subjectOf(id, name), about, by);
    const table: LookupTable = { name, version: head.version, ...parsed.table };
    await c.env.CONFIG.put(configKey.lookupTable(id, name, head.version), JSON.stringify(table));
    // Only now do pipelines hear of it.
    await publishEnvironment(db, c.env.CONFIG, id);
    return c.json({ name, version: head.version, ...about }, 201);
  })
  .get("/:name", async (c) => {
    const { id } = await environmentOf(c);
    const versions = await listVersions(drizzle(c.env.DB, { schema }), subjectOf(id, nameOf(c.req.param("name"))));
    if (versions.length === 0) throw new ApiError("not_found", `No table ${c.req.param("name")}`);
    return c.json({ versions });
  })
  .get("/:name/rows/:key", async (c) => {
    const { id } = await environmentOf(c);
    const name = nameOf(c.req.param("name"));
    const version = (await compiledTables(drizzle(c.env.DB, { schema }), id))[name];
    const stored = version && (await c.env.CONFIG.get(configKey.lookupTable(id, name, version), { type: "json" }));
    const row = stored ? lookUp(lookupTable.parse(stored), c.req.param("key")) : undefined;
    if (!row) throw new ApiError("not_found", `No row ${c.req.param("key")} in ${name}`);
    return c.json({ version, row });
  });

function nameOf(written: string): string {
  const parsed = tableName.safeParse(written);
  if (!parsed.success) throw new ApiError("invalid_request", parsed.error.issues[0]!.message);
  return parsed.data;
}
