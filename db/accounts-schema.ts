/** People and their rights in D1. The first five tables are better-auth's: it names the properties, we name the columns. */
import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { organisations } from "./organisations-table.ts";

const time = (name: string) => integer(name, { mode: "timestamp_ms" });

export const users = sqliteTable("users", {
  id: text().primaryKey(),
  name: text().notNull(),
  /** Lower case. */
  email: text().notNull().unique(),
  emailVerified: integer("email_verified", { mode: "boolean" }).notNull(),
  image: text(),
  createdAt: time("created_at").notNull(),
  updatedAt: time("updated_at").notNull(),
  twoFactorEnabled: integer("two_factor_enabled", { mode: "boolean" }),
});

const userId = () =>
  text("user_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" });

export const sessions = sqliteTable("sessions", {
  id: text().primaryKey(),
  expiresAt: time("expires_at").notNull(),
  /** The cookie holds it with a signature under AUTH_SECRET: who reads this table cannot sign in with it. */
  token: text().notNull().unique(),
  createdAt: time("created_at").notNull(),
  updatedAt: time("updated_at").notNull(),
  ipAddress: text("ip_address"),
  userAgent: text("user_agent"),
  userId: userId(),
});

/** How a person signs in: `credential` with the password's scrypt hash, or a provider's account. */
export const accounts = sqliteTable("accounts", {
  id: text().primaryKey(),
  accountId: text("account_id").notNull(),
  providerId: text("provider_id").notNull(),
  userId: userId(),
  accessToken: text("access_token"),
  refreshToken: text("refresh_token"),
  idToken: text("id_token"),
  accessTokenExpiresAt: time("access_token_expires_at"),
  refreshTokenExpiresAt: time("refresh_token_expires_at"),
  scope: text(),
  password: text(),
  createdAt: time("created_at").notNull(),
  updatedAt: time("updated_at").notNull(),
});

export const verifications = sqliteTable("verifications", {
  id: text().primaryKey(),
  identifier: text().notNull(),
  value: text().notNull(),
  expiresAt: time("expires_at").notNull(),
  createdAt: time("created_at").notNull(),
  updatedAt: time("updated_at").notNull(),
});

export const twoFactors = sqliteTable("two_factors", {
  id: text().primaryKey(),
  secret: text().notNull(),
  backupCodes: text("backup_codes").notNull(),
  userId: userId(),
  verified: integer({ mode: "boolean" }),
  failedVerificationCount: integer("failed_verification_count"),
  lockedUntil: time("locked_until"),
});

/** How often somebody tried within a quarter of an hour (workers/api/accounts/attempts.ts). */
export const signInAttempts = sqliteTable("sign_in_attempts", {
  /** SHA-256 of what is counted: neither addresses nor e-mails are kept. */
  key: text().primaryKey(),
  attempts: integer().notNull(),
  /** Milliseconds. */
  since: integer().notNull(),
});

const organisationId = () =>
  text()
    .notNull()
    .references(() => organisations.id);

export const members = sqliteTable(
  "members",
  {
    organisation_id: organisationId(),
    user_id: text()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** One of core/roles.ts, or the organisation's own. */
    role: text().notNull(),
    created_at: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.organisation_id, table.user_id] })],
);

export const invitations = sqliteTable("invitations", {
  id: text().primaryKey(),
  organisation_id: organisationId(),
  /** Lower case: only who has proven to own it may accept. */
  email: text().notNull(),
  role: text().notNull(),
  token_hash: text().notNull().unique(),
  invited_by: text().notNull(),
  created_at: text().notNull(),
  expires_at: text().notNull(),
});

/** Roles of an organisation's own. */
export const roles = sqliteTable(
  "roles",
  {
    organisation_id: organisationId(),
    name: text().notNull(),
    /** Permissions as a JSON list. */
    permissions: text({ mode: "json" }).notNull().$type<string[]>(),
  },
  (table) => [primaryKey({ columns: [table.organisation_id, table.name] })],
);

/** API keys, which are the organisation's (`user_id` null), and personal tokens, which can do no more than their person. */
export const apiTokens = sqliteTable("api_tokens", {
  id: text().primaryKey(),
  organisation_id: organisationId(),
  user_id: text().references(() => users.id, { onDelete: "cascade" }),
  name: text().notNull(),
  /** Permissions as a JSON list. */
  scopes: text({ mode: "json" }).notNull().$type<string[]>(),
  /** SHA-256, hex. The token is shown once. */
  token_hash: text().notNull().unique(),
  /** The last four characters. */
  hint: text().notNull(),
  created_at: text().notNull(),
  expires_at: text(),
  /** To the hour: one write an hour, not one a request. */
  last_used_at: text(),
  /** Of the one before a rotation, which opens until then. */
  old_token_hash: text().unique(),
  old_token_expires_at: text(),
});
