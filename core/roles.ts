/** What people may do. A permission is `resource:verb`; a role has those that its level reaches; an organisation may make roles of its own. */

/** Higher reaches everything that lower does, and only who stands at least as high may give a role. */
export const ROLE_LEVELS = { admin: 100, engineer: 75, operator: 60, analyst: 50, steward: 40, viewer: 25 } as const;
export type Role = keyof typeof ROLE_LEVELS;

/** Every permission there is, with the smallest role that has it. `platform:` is nobody's: the admin token alone has it. */
export const PERMISSIONS = {
  "status:read": "viewer",
  "status:write": "operator",
  "live:read": "viewer",
  "sources:read": "viewer",
  "sources:write": "engineer",
  "integrations:read": "viewer",
  "integrations:write": "engineer",
  "pipelines:read": "viewer",
  "pipelines:write": "engineer",
  "org_data_layer:read": "viewer",
  "org_data_layer:write": "engineer",
  "tracking_plan:read": "viewer",
  "tracking_plan:write": "engineer",
  "lookup_tables:read": "viewer",
  "lookup_tables:write": "engineer",
  "currency_rates:read": "viewer",
  "currency_rates:write": "engineer",
  "receipts:read": "viewer",
  "environments:read": "viewer",
  "environments:write": "engineer",
  "shards:write": "admin",
  "dead_letters:read": "steward",
  "dead_letters:write": "operator",
  "replays:read": "viewer",
  "replays:write": "operator",
  "profiles:read": "steward",
  "profiles:write": "steward",
  "profiles:delete": "admin",
  /** Personal data in answers; without it they come masked. */
  "pii:read": "steward",
  "pii:reveal": "admin",
  "audit:read": "engineer",
  "analytics:read": "viewer",
  "analytics:write": "analyst",
  "segments:read": "viewer",
  "segments:write": "analyst",
  "members:read": "viewer",
  "members:write": "admin",
  "roles:read": "viewer",
  "roles:write": "admin",
  "api_keys:read": "engineer",
  "api_keys:write": "admin",
  "organisation:read": "viewer",
  "organisation:write": "admin",
  "platform:write": null,
} as const satisfies Record<string, Role | null>;
export type Permission = keyof typeof PERMISSIONS;

export const permissionNames = Object.keys(PERMISSIONS) as Permission[];

export const isRole = (name: string): name is Role => Object.hasOwn(ROLE_LEVELS, name);

export function permissionsOf(role: Role): ReadonlySet<Permission> {
  return new Set(
    permissionNames.filter((name) => {
      const smallest = PERMISSIONS[name];
      return smallest !== null && ROLE_LEVELS[role] >= ROLE_LEVELS[smallest];
    }),
  );
}

/** What may be asked for: everything but what no person has. */
export const grantable = permissionNames.filter((name) => PERMISSIONS[name] !== null);
