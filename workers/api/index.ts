/** Management: every route of the API, and the dashboard. Who may do what stands in permissions.ts. */
import { Hono } from "hono";
import { ApiError, problemResponse } from "../../core/api-error.ts";
import type { ApiEnv } from "../env.ts";
import { authorise } from "./access.ts";
import { audit } from "./audit.ts";
import { dashboard } from "./dashboard.ts";
import { guard } from "./guard.ts";
import { idempotent } from "./idempotency.ts";
import { beginNight } from "./lake/nightly.ts";
import { auditRoutes } from "./routes/audit.ts";
import { auth } from "./routes/auth.ts";
import { CALLBACK_PATH, connections, oauthCallback } from "./routes/connections.ts";
import { credentials } from "./routes/credentials.ts";
import { currencyRates } from "./routes/currency-rates.ts";
import { deadLetters } from "./routes/dead-letters.ts";
import { destinationCatalogue } from "./routes/destinations.ts";
import { environments } from "./routes/environments.ts";
import { erasures } from "./routes/erasures.ts";
import { events } from "./routes/events.ts";
import { funnelRoute, savedFunnel } from "./routes/funnel.ts";
import { health } from "./routes/health.ts";
import { integrations } from "./routes/integrations.ts";
import { keys } from "./routes/keys.ts";
import { live } from "./routes/live.ts";
import { lookupTables } from "./routes/lookup-tables.ts";
import { mcp } from "./routes/mcp.ts";
import { me } from "./routes/me.ts";
import { acceptInvitation, members } from "./routes/members.ts";
import { metrics } from "./routes/metrics.ts";
import { orgDataLayerRoutes } from "./routes/org-data-layer.ts";
import { organisations } from "./routes/organisations.ts";
import { paymentWebhooks } from "./routes/payment-webhooks.ts";
import { piiRoutes } from "./routes/pii.ts";
import { pipelineCanary } from "./routes/pipeline-canary.ts";
import { pipelinePreview } from "./routes/pipeline-preview.ts";
import { pipelines } from "./routes/pipelines.ts";
import { profileAttribution } from "./routes/profile-attribution.ts";
import { profiles } from "./routes/profiles.ts";
import { queryRoute } from "./routes/query.ts";
import { realtime } from "./routes/realtime.ts";
import { receiptKeys } from "./routes/receipt-keys.ts";
import { receipts } from "./routes/receipts.ts";
import { release } from "./routes/release.ts";
import { replays } from "./routes/replays.ts";
import { roles } from "./routes/roles.ts";
import { annotations, funnels, goals } from "./routes/saved-analytics.ts";
import { segments } from "./routes/segments.ts";
import { shards } from "./routes/shards.ts";
import { siteMetrics } from "./routes/site-metrics.ts";
import { sources } from "./routes/sources.ts";
import { status } from "./routes/status.ts";
import { apiKeys, personalTokens } from "./routes/tokens.ts";
import { trackingPlanRoutes } from "./routes/tracking-plan.ts";

export { LakeWork } from "./lake/lake-work.ts";
export { Replay } from "./replays/replay.ts";

const routes = new Hono<{ Bindings: ApiEnv }>()
  .route("/me", me)
  .route("/organisations", organisations)
  .route("/organisations", members)
  .route("/organisations", roles)
  .route("/invitations", acceptInvitation)
  .route("/api-keys", apiKeys)
  .route("/tokens", personalTokens)
  .route("/live", live)
  .route("/status", status)
  .route("/dead-letters", deadLetters)
  .route("/dead-letters", release)
  .route("/destinations", destinationCatalogue)
  .route("/integrations", connections)
  .route("/integrations", integrations)
  .route("/replays", replays)
  .route("/environments", environments)
  .route("/environments", shards)
  .route("/profiles", profiles)
  .route("/profiles", profileAttribution)
  .route("/sources", sources)
  .route("/keys", keys)
  .route("/credentials", credentials)
  .route("/org-data-layer", orgDataLayerRoutes)
  .route("/tracking-plan", trackingPlanRoutes)
  .route("/pii", piiRoutes)
  .route("/lookup-tables", lookupTables)
  .route("/pipelines", pipelines)
  .route("/pipelines", pipelineCanary)
  .route("/pipelines", pipelinePreview)
  .route("/currency-rates", currencyRates)
  .route("/receipts", receipts)
  .route("/events", events)
  .route("/audit", auditRoutes)
  .route("/payment-webhooks", paymentWebhooks)
  .route("/segments", segments)
  .route("/query", queryRoute)
  .route("/funnel", funnelRoute)
  .route("/goals", goals)
  .route("/funnels", funnels)
  .route("/annotations", annotations);
/** For `hc<ApiType>("/api/v1")`: what a client may ask, and what it is answered. */
export type ApiType = typeof routes;

export const api = new Hono<{ Bindings: ApiEnv }>();

api.use("/api/*", guard);
api.route("/health", health);
api.route("/metrics", metrics);
api.route(CALLBACK_PATH, oauthCallback);
api.route("/.well-known/millrace-receipts.json", receiptKeys);
api.use("/api/*", authorise);
api.use("/api/v1/*", idempotent);
api.use("/api/*", audit);
api.route("/api/auth", auth);
api.route("/api/v1", routes);
api.route("/api/v1/me", me);
api.route("/api/v1/organisations", organisations);
api.route("/api/v1/organisations", members);
api.route("/api/v1/organisations", roles);
api.route("/api/v1/invitations", acceptInvitation);
api.route("/api/v1/api-keys", apiKeys);
api.route("/api/v1/tokens", personalTokens);
api.route("/api/v1/live", live);
api.route("/api/v1/status", status);
api.route("/api/v1/dead-letters", deadLetters);
api.route("/api/v1/integrations", connections);
api.route("/api/v1/integrations", integrations);
api.route("/api/v1/replays", replays);
api.route("/api/v1/environments", environments);
api.route("/api/v1/environments", shards);
api.route("/api/v1/profiles", profiles);
api.route("/api/v1/sources", sources);
api.route("/api/v1/keys", keys);
api.route("/api/v1/integrations", integrations);
api.route("/api/v1/credentials", credentials);
api.route("/api/v1/org-data-layer", orgDataLayerRoutes);
api.route("/api/v1/tracking-plan", trackingPlanRoutes);
api.route("/api/v1/pii", piiRoutes);
api.route("/api/v1/dead-letters", release);
api.route("/api/v1/lookup-tables", lookupTables);
api.route("/api/v1/pipelines", pipelines);
api.route("/api/v1/pipelines", pipelineCanary);
api.route("/api/v1/pipelines", pipelinePreview);
api.route("/api/v1/currency-rates", currencyRates);
api.route("/api/v1/receipts", receipts);
api.route("/api/v1/erasures", erasures);
api.route("/api/v1/events", events);
api.route("/api/v1/audit", auditRoutes);
api.route("/api/v1/payment-webhooks", paymentWebhooks);
api.route("/api/v1/segments", segments);
api.route("/api/v1/query", queryRoute);
api.route("/api", siteMetrics);
api.route("/api", realtime);
api.route("/api", savedFunnel);
api.all("/api/*", (c) => {
  throw new ApiError("not_found", `There is no ${c.req.method} ${c.req.path}`);
});
api.get("/", (c) => c.redirect("/app/"));
api.get("/app/*", dashboard);
api.route(
  "/mcp",
  mcp((request, env) => api.fetch(request, env)),
);
api.get("*", (c) => c.env.ASSETS.fetch(c.req.raw));
api.notFound((c) => new ApiError("not_found", "There is nothing here").problem(c.var.request_id));
api.onError((error, c) => problemResponse(error, c.var.request_id));

export default {
  fetch: api.fetch,
  scheduled(controller, env, ctx) {
    ctx.waitUntil(beginNight(env, controller.scheduledTime));
  },
} satisfies ExportedHandler<ApiEnv>;
