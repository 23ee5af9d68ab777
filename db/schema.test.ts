import { env } from "cloudflare:workers";
import { is, Table } from "drizzle-orm";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";
import { describe, expect, it } from "vitest";
import * as schema from "./schema.ts";

const tables = Object.values(schema as Record<string, unknown>)
  .filter((one) => is(one, SQLiteTable))
  .map(getTableConfig);
const all = async <T>(sql: string) => (await env.DB.prepare(sql).all<T>()).results;

it("has the tables that the migrations create, and no others", async () => {
  const created = await all<{ name: string }>(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' AND name <> 'd1_migrations'`,
  );
  expect(tables.map(({ name }) => name).sort()).toEqual(created.map(({ name }) => name).sort());
});

describe.each(tables.map((table) => [table.name, table] as const))("%s", (name, table) => {
  it("has the columns that the migrations create, in their order", async () => {
    const columns = await all<{ name: string; type: string; notnull: number; pk: number }>(
      `PRAGMA table_info(${name})`,
    );
    const inKey = new Set(table.primaryKeys.flatMap((key) => key.columns.map((column) => column.name)));
    expect(
      table.columns.map((column) => ({
        name: column.name,
        type: column.getSQLType().toUpperCase(),
        // What SQLite reports of a TEXT PRIMARY KEY: it may be null unless it says otherwise.
        required: column.notNull && !column.primary,
        key: column.primary || inKey.has(column.name),
      })),
    ).toEqual(columns.map(({ name, type, notnull, pk }) => ({ name, type, required: notnull === 1, key: pk > 0 })));
  });

  it("refers to the tables that the migrations say", async () => {
    const references = await all<{ table: string; from: string; to: string }>(`PRAGMA foreign_key_list(${name})`);
    const told = table.foreignKeys.map((key) => {
      const { columns, foreignColumns } = key.reference();
      return {
        from: columns.map((column) => column.name).join(),
        table: foreignColumns[0]!.table[(Table as unknown as { Symbol: { Name: symbol } }).Symbol.Name as never],
        to: foreignColumns.map((column) => column.name).join(),
      };
    });
    const byColumn = (a: { from: string }, b: { from: string }) => a.from.localeCompare(b.from);
    expect(told.sort(byColumn)).toEqual(references.map(({ from, table, to }) => ({ from, table, to })).sort(byColumn));
  });
});
