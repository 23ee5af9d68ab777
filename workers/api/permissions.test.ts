import { env } from "cloudflare:workers";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { isRole, type Permission, permissionsOf, type Role } from "../../core/roles.ts";
import { anOwner, Browser, type Owner, signedUp } from "../../test/a-person.ts";
import { emptyDatabase } from "../../test/empty-database.ts";
import { api } from "./index.ts";
import { rules } from "./permissions.ts";

const ROLES = ["admin", "engineer", "operator", "analyst", "steward", "viewer"] as const satisfies Role[];

/** What answers, of the app itself: not the middleware in front, nor what answers for everything else. */
const routes = [
  ...new Map(
    api.routes
      .filter(({ method, path }) => method !== "ALL" && path !== "/*" && path !== "*")
      .map(({ method, path }) => [
        `${method} ${path.replace(/(.)\/$/, "$1")}`,
        { method, path: path.replace(/(.)\/$/, "$1") },
      ]),
  ).values(),
];

let ours: Owner;
let theirs: Owner;
const by: Partial<Record<Role, Browser>> = {};

beforeAll(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  // Rows without what lies behind them: what is permitted may break then, which is not what is asked here.
  vi.spyOn(console, "error").mockImplementation(() => {});
  [ours, theirs] = [await anOwner("matrix@ours.example"), await anOwner("matrix@theirs.example")];
  for (const role of ROLES) {
    const browser = await signedUp(`${role}@ours.example`);
    const { body } = await browser.ask("GET", "/api/v1/me");
    await env.DB.prepare("INSERT INTO members VALUES (?, ?, ?, '2026-01-01')")
      .bind(ours.organisation_id, body.user.id, role)
      .run();
    by[role] = browser;
  }
  await env.DB.batch(
    [
      "INSERT INTO sources (id, environment_id, name, settings) VALUES ('src_matrix', ?1, 'Shop', '{}')",
      "INSERT INTO write_keys (key_hash, source_id, kind, revoked, created_at, id, hint) SELECT 'matrix', 'src_matrix', 'public', 0, '2026-01-01', 'key_matrix', 'hint' WHERE ?1 <> ''",
      "INSERT INTO integrations (id, environment_id, name, destination, enabled, settings, sealed_secrets) VALUES ('int_matrix', ?1, 'X', 'webhook', 1, '{}', '')",
      "INSERT INTO pipelines (id, environment_id, name, enabled, live_version) VALUES ('pl_matrix', ?1, 'X', 1, 1)",
      "INSERT INTO replays VALUES ('rp_matrix', ?1, 'int_matrix', '{}', 'complete', 1, 1, '{}', '2026-01-01', '2026-01-01')",
      "INSERT INTO dead_letters (id, environment_id, stage, reason, detail, attempts, r2_key, dead_at) VALUES ('dl_matrix', ?1, 'delivery', 'rejected', '', 1, 'none', '2026-01-01')",
    ].map((sql) => env.DB.prepare(sql).bind(ours.environment_id)),
  );
}, 60_000);

afterAll(async () => {
  vi.restoreAllMocks();
  await emptyDatabase();
});

const IDS = {
  environment: () => ours.environment_id,
  organisation: () => ours.organisation_id,
  source: () => "src_matrix",
  write_key: () => "key_matrix",
  integration: () => "int_matrix",
  pipeline: () => "pl_matrix",
  replay: () => "rp_matrix",
  dead_letter: () => "dl_matrix",
};

/** With ids of ours, and a body that no route takes: rights are asked before it is read, and nothing changes. */
function ask(browser: Browser, rule: (typeof rules)[number]) {
  const path = rule.path
    .replace(":id", rule.owned ? IDS[rule.owned]() : "nothing")
    .replace(/:\w+/g, "nothing")
    .replace("*", "ok");
  const named = rule.owned ? "" : `?environment_id=${ours.environment_id}`;
  return browser.ask(rule.method, path + named, rule.method === "GET" ? undefined : [], {});
}

/** A DELETE reads no body, so it would be done; a stream is never read to its end. */
const isHarmless = ({ method, path }: { method: string; path: string }) =>
  method !== "DELETE" &&
  path !== "/api/v1/live/events" &&
  !/\/(flush|start|pause|resume|cancel|retry|rotate)$/.test(path);

it("has a line for every route, and no line without one", () => {
  expect(routes.length).toBeGreaterThan(80);
  const told = rules.map(({ method, path }) => `${method} ${path}`);
  expect(told.toSorted()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).toSorted());
});

const guarded = rules.filter(({ right }) => right !== "public");
const needing = guarded.filter(({ right }) => right !== "signed_in");

describe("every route", () => {
  it("is closed to nobody in particular", async () => {
    for (const rule of guarded) expect([rule.path, (await ask(new Browser(), rule)).status]).toEqual([rule.path, 401]);
  });

  it.each(ROLES)("asks %s for what the table says", async (role) => {
    const has = permissionsOf(role);
    for (const rule of needing) {
      const permitted = has.has(rule.right as Permission);
      if (permitted && !isHarmless(rule)) continue;
      const { status, body } = await ask(by[role]!, rule);
      const refused = status === 403 && body.error?.code === "forbidden";
      expect([rule.method, rule.path, refused]).toEqual([rule.method, rule.path, !permitted]);
    }
  });

  it("has nothing of ours for another organisation's owner", async () => {
    for (const rule of needing) {
      const { status, body } = await ask(theirs.browser, rule);
      expect([rule.method, rule.path, status, body.error?.code]).toEqual([rule.method, rule.path, 404, "not_found"]);
    }
  });

  it("has nothing for who belongs to no organisation", async () => {
    const nobody = await signedUp("nobody@matrix.example");
    for (const rule of needing) expect([403, 404]).toContain((await ask(nobody, rule)).status);
  });
});

it("gives a higher role at least as much as a lower one", () => {
  const sizes = ROLES.map((role) => permissionsOf(role).size);
  expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  expect(isRole("toString")).toBe(false);
});
