import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Whoever everything else belongs to. In a file of its own: schema.ts and accounts-schema.ts both refer to it. */
export const organisations = sqliteTable("organisations", {
  id: text().primaryKey(),
  name: text().notNull(),
  created_at: text().notNull(),
  /** Raised by each change: the row's ETag. */
  revision: integer().notNull().default(1),
});
