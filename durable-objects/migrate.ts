/**
 * Brings an object's tables to their newest form. `migrations` is appended to and never edited; how many were applied is
 * remembered in the object. Call inside `blockConcurrencyWhile`, before anything reads.
 */
export async function migrate(storage: DurableObjectStorage, migrations: string[]): Promise<void> {
  const done = (await storage.get<number>("migrated")) ?? 0;
  for (const sql of migrations.slice(done)) storage.sql.exec(sql);
  if (done < migrations.length) await storage.put("migrated", migrations.length);
}
