/**
 * The whole platform as one Worker. Read in this order: ingest takes a request and queues it; processor decides what each
 * event becomes; delivery tells the vendors; api shows and manages. Each is an ordinary Worker of its own in its folder.
 */
import api from "./api/index.ts";
import delivery from "./delivery/index.ts";
import type { Env } from "./env.ts";
import ingest, { isForTheDoor } from "./ingest/index.ts";
import processor from "./processor/index.ts";

export { AuditLog } from "../durable-objects/audit-log.ts";
export { ConsentRevocations } from "../durable-objects/consent-revocations.ts";
export { DailySalts } from "../durable-objects/daily-salts.ts";
export { IntegrationGate } from "../durable-objects/integration-gate.ts";
export { LiveFeed } from "../durable-objects/live-feed.ts";
export { OnceOnly } from "../durable-objects/once-only.ts";
export { ProfileShard } from "../durable-objects/profile-shard.ts";
export { SchemaWatch } from "../durable-objects/schema-watch.ts";
export { VisitorShard } from "../durable-objects/visitor-shard.ts";
export { LakeWork } from "./api/lake/lake-work.ts";
export { Replay } from "./api/replays/replay.ts";
export { BulkImport } from "./ingest/bulk-import/bulk-import.ts";

export default {
  fetch(request, env, ctx) {
    return isForTheDoor(request.method, new URL(request.url).pathname)
      ? ingest.fetch(request, env, ctx)
      : api.fetch(request, env, ctx);
  },

  queue: (batch, env) =>
    /^(raw|profile)-events/.test(batch.queue) ? processor.queue(batch, env) : delivery.queue(batch, env),

  scheduled(controller, env, ctx) {
    ingest.scheduled(controller, env, ctx);
    processor.scheduled(controller, env, ctx);
    api.scheduled(controller, env, ctx);
  },
} satisfies ExportedHandler<Env>;
