/** The objects as a Worker of their own, for the split deployment (durable-objects/wrangler.toml). */
export { AuditLog } from "./audit-log.ts";
export { ConsentRevocations } from "./consent-revocations.ts";
export { DailySalts } from "./daily-salts.ts";
export { IntegrationGate } from "./integration-gate.ts";
export { LiveFeed } from "./live-feed.ts";
export { OnceOnly } from "./once-only.ts";
export { ProfileShard } from "./profile-shard.ts";
export { SchemaWatch } from "./schema-watch.ts";
export { VisitorShard } from "./visitor-shard.ts";

export default {
  fetch: () => new Response("These objects are reached through their bindings.\n", { status: 404 }),
};
