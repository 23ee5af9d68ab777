/** A first organisation with one environment, one source and three integrations: what `npm run dev`, the demo and tests start with. */

import { eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { type Environment, sourceSettings } from "../core/environment.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { applyEnvironment, type EnvironmentDocument } from "./apply-environment.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

export interface SeedSecrets {
  write_key: string;
  server_key: string;
  webhook_secret: string;
  /** 32 bytes as base64. */
  credentials_key: string;
}

const ENVIRONMENT = "env_demo";

/** Idempotent: an environment that is there stays as it is, and is published again. */
export async function seed(
  db: DrizzleD1Database<typeof schema>,
  kv: KVNamespace,
  secrets: SeedSecrets,
  shards = 8,
): Promise<Environment> {
  const [there] = await db.select().from(schema.environments).where(eq(schema.environments.id, ENVIRONMENT));
  if (there) return publishEnvironment(db, kv, ENVIRONMENT);
  const document = demoEnvironment(secrets, shards);
  return (await applyEnvironment(db, kv, secrets.credentials_key, ENVIRONMENT, document)).environment;
}

function demoEnvironment({ write_key, server_key, webhook_secret }: SeedSecrets, shards: number): EnvironmentDocument {
  const integration = (destination: string, settings: Record<string, unknown>) => ({
    id: `int_${destination}`,
    name: destination,
    destination,
    enabled: true,
    settings,
  });
  return {
    organisation: { id: "org_demo", name: "Mill & Race" },
    name: "dev",
    session_timeout_s: 1_800,
    new_session_on_campaign: false,
    consent_default: "granted",
    profiles: profileSettings.parse({}),
    shards,
    sources: [
      {
        ...sourceSettings.parse({}),
        id: "src_shop",
        name: "Demo shop",
        write_keys: [
          { kind: "public", key: write_key },
          { kind: "server", key: server_key },
        ],
      },
    ],
    // An identify is an event here, so that the demo can show all of them at every vendor.
    integrations: [
      integration("ga4", { measurement_id: "G-MILLRACE01", api_secret: "demo-api-secret", identify_as: "login" }),
      integration("meta", {
        pixel_id: "1234567890123456",
        access_token: "demo-access-token",
        identify_as: "CustomerIdentified",
      }),
      integration("webhook", { url: "https://hooks.example.com/millrace", secret: webhook_secret }),
    ],
  };
}
