/** Somebody who can sign in to a seeded organisation: of the development stack only, which knows their password. */
import { eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as schema from "./schema.ts";

/** Idempotent: a person who is there stays as they are. */
export async function seedOwner(
  db: DrizzleD1Database<typeof schema>,
  organisation_id: string,
  { email, password }: { email: string; password: string },
): Promise<void> {
  const [there] = await db.select().from(schema.users).where(eq(schema.users.email, email));
  if (there) return;
  // As the Worker hashes it. Loaded here, so that nothing else that seeds waits for it.
  const { hashPassword } = await import("better-auth/crypto");
  const id = `use_${crypto.randomUUID().replaceAll("-", "")}`;
  const now = new Date();
  const times = { createdAt: now, updatedAt: now };
  await db.batch([
    db.insert(schema.users).values({ id, name: "Owner", email, emailVerified: true, ...times }),
    db.insert(schema.accounts).values({
      id: `acc_${crypto.randomUUID().replaceAll("-", "")}`,
      accountId: id,
      providerId: "credential",
      userId: id,
      password: await hashPassword(password),
      ...times,
    }),
    db.insert(schema.members).values({ organisation_id, user_id: id, role: "admin", created_at: now.toISOString() }),
  ]);
}
