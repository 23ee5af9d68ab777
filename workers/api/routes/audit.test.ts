import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it, vi } from "vitest";
import { auditRow, firstHash } from "../../../core/audit-chain.ts";
import { environmentOf, publishIntegration } from "../../../test/a-delivery.ts";
import { archiveAudit } from "../../archive-audit.ts";
import { recordAudit } from "../audit.ts";
import { api } from "../index.ts";

let environmentId: string;
beforeAll(async () => {
  environmentId = environmentOf(await publishIntegration());
});

const call = (path: string, init: RequestInit = {}) =>
  api.request(path, { ...init, headers: { authorization: "Bearer test-admin-token" } }, env);
const entry = (organisation_id: string, n: number) => ({
  organisation_id,
  actor: `user:usr_${n}`,
  action: "sign_in",
  subject: `usr_${n}`,
  request_id: `req_${n}`,
  ip: "203.0.113.7",
});

it("records what changes something and succeeds, without its secrets, and nothing else", async () => {
  const from = new Date().toISOString();
  const body = JSON.stringify({ all: true });
  const path = `/api/v1/dead-letters/retry?environment_id=${environmentId}`;
  expect((await call(path, { method: "POST", body })).status).toBe(200);
  expect((await call(path, { method: "POST", body: "{}" })).status).toBe(400);
  expect((await call(`/api/v1/dead-letters?environment_id=${environmentId}`)).status).toBe(200);
  const answer = await call(`/api/v1/audit?organisation=operator&from=${from}`);
  const { records } = await answer.json<{ records: unknown[] }>();
  expect(records).toEqual([
    expect.objectContaining({
      actor: "admin_token:admin_token",
      action: "POST /api/v1/dead-letters/retry",
      subject: path,
      after: { all: true },
    }),
  ]);
});

it("keeps the names of settings and not what they hold", async () => {
  const document = {
    organisation: { id: "org_audited", name: "Audited" },
    name: "dev",
    sources: [],
    integrations: [
      {
        id: "int_audited",
        name: "hook",
        destination: "webhook",
        settings: { url: "https://hooks.example.com/x", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
      },
    ],
  };
  // The sink stands for the webhook's host, which here nothing resolves.
  const init = {
    method: "PATCH",
    body: JSON.stringify(document),
    headers: { authorization: "Bearer test-admin-token" },
  };
  const bindings = { ...env, VENDOR_SINK_URL: "http://sink.example" };
  expect((await api.request("/api/v1/environments/env_audited", init, bindings)).status).toBe(200);
  const query = "SELECT * FROM audit_log WHERE subject = '/api/v1/environments/env_audited'";
  const { results } = await env.DB.prepare(query).all<{ after: string }>();
  expect(JSON.parse(results[0]!.after)).toMatchObject({ integrations: [{ settings: { url: "•••", secret: "•••" } }] });
  expect(JSON.stringify(results)).not.toContain("whsec_");
});

it("pages through the records, by filter", async () => {
  for (let n = 1; n <= 5; n++) await recordAudit(env, entry("org_test", n % 2));
  const first = await (await call(`/api/v1/audit?environment_id=${environmentId}&actor=user:usr_1&limit=2`)).json<{
    records: { sequence: number }[];
    next: number;
  }>();
  expect(first.records.map(({ sequence }) => sequence)).toEqual([5, 3]);
  const rest = `/api/v1/audit?environment_id=${environmentId}&actor=user:usr_1&limit=2&before=${first.next}`;
  expect(await (await call(rest)).json()).toMatchObject({ records: [{ sequence: 1 }] });
});

it("verifies the chain, and names a row that somebody changed in the database", async () => {
  await recordAudit(env, entry("org_test", 1));
  const verify = async () => (await call(`/api/v1/audit/verify?environment_id=${environmentId}`)).json();
  expect(await verify()).toMatchObject({ ok: true, problems: [] });
  await env.DB.exec("UPDATE audit_log SET actor = 'user:nobody' WHERE organisation_id = 'org_test' AND sequence = 2");
  expect(await verify()).toMatchObject({ ok: false, problems: [{ sequence: 2, problem: "changed" }] });
  await env.DB.exec("DELETE FROM audit_log WHERE organisation_id = 'org_test'");
  expect(await verify()).toMatchObject({ ok: false, problems: [{ sequence: 1, problem: "missing" }] });
});

it("loses no record while the database is away", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await env.DB.exec("ALTER TABLE audit_log RENAME TO audit_log_away");
  await recordAudit(env, entry("org_away", 1));
  await recordAudit(env, entry("org_away", 2));
  await env.DB.exec("ALTER TABLE audit_log_away RENAME TO audit_log");
  expect(await runDurableObjectAlarm(env.AUDIT_LOG.getByName("org_away"))).toBe(true);
  const rows = await env.DB.prepare("SELECT * FROM audit_log WHERE organisation_id = 'org_away'").all();
  const [one, two] = rows.results.map((row) => auditRow.parse(row));
  expect([one!.previous, two!.previous]).toEqual([firstHash("org_away"), one!.hash]);
  vi.restoreAllMocks();
});

it("is archived at night, each record once", async () => {
  await recordAudit(env, entry("org_archive", 1));
  await recordAudit(env, entry("org_archive", 2));
  const NIGHT = Date.parse("2026-11-20T02:00:00.000Z");
  expect(await archiveAudit(env, NIGHT + 3_600_000)).toEqual([]);
  const isOwn = (key: string) => key.includes("org_archive");
  expect((await archiveAudit(env, NIGHT)).filter(isOwn)).toEqual(["audit/org_archive/0000000001-0000000002.ndjson"]);
  await recordAudit(env, entry("org_archive", 3));
  const [key] = (await archiveAudit(env, NIGHT)).filter(isOwn);
  expect(key).toBe("audit/org_archive/0000000003-0000000003.ndjson");
  expect(await (await env.LAKE.get(key!))!.json()).toMatchObject({ sequence: 3, actor: "user:usr_3" });
});
