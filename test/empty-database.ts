import { env } from "cloudflare:workers";

/** Removes every row of D1, in the order that foreign keys allow: for tests of what a whole database says. */
export async function emptyDatabase(): Promise<void> {
  const tables = [
    "api_tokens",
    "roles",
    "invitations",
    "members",
    "idempotent_answers",
    "currency_rates",
    "configuration_versions",
    "pipelines",
    "replays",
    "goals",
    "funnels",
    "annotations",
    "dead_letters",
    "integration_sources",
    "integrations",
    "write_keys",
    "payment_webhooks",
    "sources",
    "segments",
  ];
  for (const table of [...tables, "environments", "organisations"]) await env.DB.exec(`DELETE FROM ${table}`);
}
