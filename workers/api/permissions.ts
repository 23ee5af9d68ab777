/** Which right each route wants: the one table. A route that is not in it answers to the admin token alone, and fails a test. */
import type { Permission } from "../../core/roles.ts";

/** What `:id` is, where a route looks a thing up by its id alone: its environment must be of the caller's organisation. */
export type Owned =
  | "organisation"
  | "environment"
  | "source"
  | "write_key"
  | "integration"
  | "pipeline"
  | "replay"
  | "dead_letter";

/** `public`: before any sign-in. `signed_in`: for whoever is somebody; such routes answer of the caller alone. */
export type Right = Permission | "public" | "signed_in";
type Row = [methods: string, path: string, right: Right, owned?: Owned];

const v1 = "/api/v1";

export const permissionTable: readonly Row[] = [
  ["GET", "/health/live", "public"],
  // The dashboard's files: what it shows, it asks for.
  ["GET", "/", "public"],
  ["GET", "/app/*", "public"],
  ["GET", "/health/ready", "public"],
  ["GET", "/health/startup", "public"],
  // By a token of its own.
  ["GET", "/metrics", "public"],
  ["GET", "/.well-known/millrace-receipts.json", "public"],
  ["GET POST", "/api/auth/*", "public"],
  // Opened by a state that was given to one with the right, once.
  ["GET", `${v1}/oauth/callback`, "public"],

  ["GET", `${v1}/me`, "signed_in"],
  ["POST", `${v1}/organisations`, "signed_in"],
  ["POST", `${v1}/invitations/accept`, "signed_in"],
  ["GET POST", `${v1}/tokens`, "signed_in"],
  ["DELETE", `${v1}/tokens/:token_id`, "signed_in"],
  ["POST", `${v1}/tokens/:token_id/rotate`, "signed_in"],
  ["GET", `${v1}/organisations/:id/members`, "members:read", "organisation"],
  ["PATCH DELETE", `${v1}/organisations/:id/members/:user_id`, "members:write", "organisation"],
  ["GET", `${v1}/organisations/:id/invitations`, "members:read", "organisation"],
  ["POST", `${v1}/organisations/:id/invitations`, "members:write", "organisation"],
  ["DELETE", `${v1}/organisations/:id/invitations/:invitation_id`, "members:write", "organisation"],
  ["GET", `${v1}/organisations/:id/roles`, "roles:read", "organisation"],
  ["PUT DELETE", `${v1}/organisations/:id/roles/:name`, "roles:write", "organisation"],
  ["GET", `${v1}/api-keys`, "api_keys:read"],
  ["POST", `${v1}/api-keys`, "api_keys:write"],
  ["DELETE", `${v1}/api-keys/:token_id`, "api_keys:write"],
  ["POST", `${v1}/api-keys/:token_id/rotate`, "api_keys:write"],

  ["GET", `${v1}/live`, "live:read"],
  ["GET", `${v1}/live/events`, "live:read"],
  ["POST", `${v1}/live/tickets`, "live:read"],
  ["GET", `${v1}/events`, "live:read"],
  ["GET", `${v1}/events/:message_id`, "live:read"],
  ["GET", `${v1}/status`, "status:read"],
  ["POST", `${v1}/status/flush`, "status:write"],

  ["GET", `${v1}/organisations/:id`, "organisation:read", "organisation"],
  ["PATCH", `${v1}/organisations/:id`, "organisation:write", "organisation"],
  ["GET", `${v1}/environments`, "environments:read"],
  ["POST", `${v1}/environments`, "environments:write"],
  ["GET", `${v1}/environments/:id`, "environments:read", "environment"],
  ["PATCH", `${v1}/environments/:id`, "environments:write", "environment"],
  ["DELETE", `${v1}/environments/:id`, "environments:write", "environment"],
  ["PATCH", `${v1}/environments/:id/settings`, "environments:write", "environment"],
  ["GET", `${v1}/environments/:id/snapshot`, "environments:read", "environment"],
  ["GET", `${v1}/environments/:id/shards`, "status:read", "environment"],
  ["POST", `${v1}/environments/:id/shards`, "shards:write", "environment"],
  ["GET", `${v1}/sources`, "sources:read"],
  ["POST", `${v1}/sources`, "sources:write"],
  ["GET", `${v1}/sources/:id`, "sources:read", "source"],
  ["PATCH DELETE", `${v1}/sources/:id`, "sources:write", "source"],
  ["GET", `${v1}/sources/:id/keys`, "sources:read", "source"],
  ["POST", `${v1}/sources/:id/keys`, "sources:write", "source"],
  ["GET", `${v1}/sources/:id/script`, "sources:read", "source"],
  ["POST", `${v1}/keys/:id/rotate`, "sources:write", "write_key"],
  ["DELETE", `${v1}/keys/:id`, "sources:write", "write_key"],

  ["GET", `${v1}/destinations`, "integrations:read"],
  ["GET", `${v1}/destinations/:name`, "integrations:read"],
  ["GET", `${v1}/integrations`, "integrations:read"],
  ["POST", `${v1}/integrations`, "integrations:write"],
  ["PATCH DELETE", `${v1}/integrations/:id`, "integrations:write", "integration"],
  ["POST", `${v1}/integrations/:id/pause`, "integrations:write", "integration"],
  ["POST", `${v1}/integrations/:id/resume`, "integrations:write", "integration"],
  ["GET", `${v1}/integrations/:id`, "integrations:read", "integration"],
  ["GET", `${v1}/integrations/:id/deliveries`, "integrations:read", "integration"],
  ["POST", `${v1}/integrations/:id/test`, "integrations:write", "integration"],
  ["GET", `${v1}/integrations/:id/connect`, "integrations:write", "integration"],
  ["GET", `${v1}/integrations/:id/connection`, "integrations:read", "integration"],
  ["DELETE", `${v1}/integrations/:id/connection`, "integrations:write", "integration"],
  ["POST", `${v1}/credentials/rotate`, "platform:write"],

  ["GET", `${v1}/org-data-layer`, "org_data_layer:read"],
  ["PUT PATCH", `${v1}/org-data-layer`, "org_data_layer:write"],
  ["GET", `${v1}/org-data-layer/versions`, "org_data_layer:read"],
  ["GET", `${v1}/org-data-layer/versions/:version`, "org_data_layer:read"],
  ["GET", `${v1}/org-data-layer/versions/:version/diff`, "org_data_layer:read"],
  ["POST", `${v1}/org-data-layer/versions/:version/rollback`, "org_data_layer:write"],
  ["GET", `${v1}/tracking-plan/violations`, "tracking_plan:read"],
  ["DELETE", `${v1}/tracking-plan/violations`, "tracking_plan:write"],
  ["GET", `${v1}/tracking-plan/proposal`, "tracking_plan:read"],
  ["GET", `${v1}/tracking-plan/shapes`, "tracking_plan:read"],
  ["POST", `${v1}/tracking-plan/from-segment`, "tracking_plan:read"],
  ["POST", `${v1}/pii/reveal`, "pii:reveal"],
  ["GET", `${v1}/lookup-tables`, "lookup_tables:read"],
  ["GET", `${v1}/lookup-tables/:name`, "lookup_tables:read"],
  ["PUT", `${v1}/lookup-tables/:name`, "lookup_tables:write"],
  ["GET", `${v1}/lookup-tables/:name/rows/:key`, "lookup_tables:read"],
  ["GET", `${v1}/currency-rates`, "currency_rates:read"],
  ["POST", `${v1}/currency-rates`, "currency_rates:write"],

  ["GET", `${v1}/pipelines`, "pipelines:read"],
  ["POST", `${v1}/pipelines`, "pipelines:write"],
  ["GET", `${v1}/pipelines/:id`, "pipelines:read", "pipeline"],
  ["PATCH", `${v1}/pipelines/:id`, "pipelines:write", "pipeline"],
  ["GET", `${v1}/pipelines/:id/versions`, "pipelines:read", "pipeline"],
  ["POST", `${v1}/pipelines/:id/versions`, "pipelines:write", "pipeline"],
  ["GET", `${v1}/pipelines/:id/versions/:version`, "pipelines:read", "pipeline"],
  ["GET", `${v1}/pipelines/:id/diff`, "pipelines:read", "pipeline"],
  ["POST", `${v1}/pipelines/:id/rollback`, "pipelines:write", "pipeline"],
  ["PUT DELETE", `${v1}/pipelines/:id/canary`, "pipelines:write", "pipeline"],
  ["GET", `${v1}/pipelines/:id/canary`, "pipelines:read", "pipeline"],
  ["POST", `${v1}/pipelines/:id/canary/promote`, "pipelines:write", "pipeline"],
  ["GET", `${v1}/pipelines/:id/counts`, "pipelines:read", "pipeline"],
  // Shows events of real people.
  ["POST", `${v1}/pipelines/:id/preview`, "pipelines:write", "pipeline"],

  ["GET", `${v1}/dead-letters`, "dead_letters:read"],
  ["POST", `${v1}/dead-letters/retry`, "dead_letters:write"],
  ["POST", `${v1}/dead-letters/delete`, "dead_letters:write"],
  ["GET", `${v1}/dead-letters/:id`, "dead_letters:read", "dead_letter"],
  ["PATCH DELETE", `${v1}/dead-letters/:id`, "dead_letters:write", "dead_letter"],
  ["POST", `${v1}/dead-letters/:id/retry`, "dead_letters:write", "dead_letter"],
  ["POST", `${v1}/dead-letters/:id/release`, "dead_letters:write", "dead_letter"],
  ["GET", `${v1}/replays`, "replays:read"],
  ["POST", `${v1}/replays`, "replays:write"],
  ["GET", `${v1}/replays/:id`, "replays:read", "replay"],
  ["POST", `${v1}/replays/:id/start`, "replays:write", "replay"],
  ["POST", `${v1}/replays/:id/pause`, "replays:write", "replay"],
  ["POST", `${v1}/replays/:id/resume`, "replays:write", "replay"],
  ["POST", `${v1}/replays/:id/cancel`, "replays:write", "replay"],

  ["GET", `${v1}/profiles`, "profiles:read"],
  ["GET", `${v1}/profiles/:who`, "profiles:read"],
  ["GET", `${v1}/profiles/:who/timeline`, "profiles:read"],
  ["GET", `${v1}/profiles/:who/export`, "profiles:read"],
  ["POST", `${v1}/profiles/merge`, "profiles:write"],
  ["POST", `${v1}/profiles/:who/unmerge`, "profiles:write"],
  ["POST", `${v1}/profiles/:who/split`, "profiles:write"],
  ["DELETE", `${v1}/profiles/:who`, "profiles:delete"],
  ["GET", `${v1}/audit`, "audit:read"],
  ["GET", `${v1}/audit/verify`, "audit:read"],
  ["POST", `${v1}/query`, "analytics:read"],
  ["GET", "/api/metrics", "analytics:read"],
  ["GET", "/api/revenue", "analytics:read"],
  ["GET", "/api/goals", "analytics:read"],
  ["GET", "/api/realtime", "analytics:read"],
  ["GET", "/api/funnels/:id", "analytics:read"],
  ["POST", `${v1}/funnel`, "analytics:read"],
  ["GET", `${v1}/goals`, "analytics:read"],
  ["POST", `${v1}/goals`, "analytics:write"],
  ["GET", `${v1}/goals/:id`, "analytics:read"],
  ["PUT DELETE", `${v1}/goals/:id`, "analytics:write"],
  ["GET", `${v1}/funnels`, "analytics:read"],
  ["POST", `${v1}/funnels`, "analytics:write"],
  ["GET", `${v1}/funnels/:id`, "analytics:read"],
  ["PUT DELETE", `${v1}/funnels/:id`, "analytics:write"],
  ["GET", `${v1}/annotations`, "analytics:read"],
  ["POST", `${v1}/annotations`, "analytics:write"],
  ["GET", `${v1}/annotations/:id`, "analytics:read"],
  ["PUT DELETE", `${v1}/annotations/:id`, "analytics:write"],
  ["GET", `${v1}/payment-webhooks`, "sources:read"],
  ["POST", `${v1}/payment-webhooks`, "sources:write"],
  ["PATCH DELETE", `${v1}/payment-webhooks/:id`, "sources:write"],
  ["GET", `${v1}/segments`, "segments:read"],
  ["POST", `${v1}/segments`, "segments:write"],
  // Shows people.
  ["POST", `${v1}/segments/preview`, "segments:write"],
  ["GET", `${v1}/segments/:id`, "segments:read"],
  ["PUT DELETE", `${v1}/segments/:id`, "segments:write"],
  ["GET", `${v1}/segments/:id/versions`, "segments:read"],
  ["GET", `${v1}/segments/:id/versions/:version`, "segments:read"],
  ["GET", `${v1}/segments/:id/people`, "profiles:read"],
  ["GET", `${v1}/segments/:id/size`, "segments:read"],
  ["GET", `${v1}/segments/:id/why/:person`, "profiles:read"],
  ["GET", `${v1}/profiles/:who/attribution`, "profiles:read"],
  ["GET", `${v1}/receipts`, "receipts:read"],
  ["GET", `${v1}/receipts/file`, "receipts:read"],
  ["GET", `${v1}/erasures`, "profiles:delete"],
  ["POST", `${v1}/erasures`, "profiles:delete"],
  ["GET", `${v1}/erasures/:id`, "profiles:delete"],
];

export interface Rule {
  method: string;
  path: string;
  right: Right;
  owned?: Owned;
  pattern: RegExp;
}

/** One for each method and path. Fixed parts win over parameters, as they stand first in the table. */
export const rules: readonly Rule[] = permissionTable
  .flatMap(([methods, path, right, owned]) =>
    methods.split(" ").map((method) => ({ method, path, right, ...(owned && { owned }), pattern: patternOf(path) })),
  )
  .sort((a, b) => parametersIn(a.path) - parametersIn(b.path));

export function ruleFor(method: string, path: string): Rule | undefined {
  return rules.find((rule) => rule.method === method && rule.pattern.test(path));
}

function parametersIn(path: string): number {
  return path.split(":").length;
}

function patternOf(path: string): RegExp {
  const escaped = path.replace(/[.]/g, "\\.").replace(/\/\*$/, "/.*");
  return new RegExp(`^${escaped.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
}
