import { Hono } from "hono";
import type { ApiEnv } from "../../env.ts";

/** A probe that waits longer than this is no answer to a load balancer. */
const MOST_WAIT_MS = 1_000;
const SECRETS = ["ADMIN_TOKEN", "CREDENTIALS_KEY", "DOOR_KEY"] as const;

type Check = { ok: boolean; ms: number; problem?: string };

/**
 * For anybody, saying nothing of what is stored. GET /live: this Worker runs. GET /ready: what it needs answers in time (503 if not).
 * GET /startup: the database has its tables and the secrets are set.
 */
export const health = new Hono<{ Bindings: ApiEnv }>()
  .get("/live", (c) => c.json({ status: "ok" }))
  .get("/ready", async (c) => {
    const { DB, CONFIG, LAKE } = c.env;
    return answer({
      d1: await check(() => DB.prepare("SELECT 1").first()),
      kv: await check(() => CONFIG.get("health")),
      r2: await check(() => LAKE.head("health")),
    });
  })
  .get("/startup", async (c) => {
    const missing = SECRETS.filter((name) => !c.env[name]);
    return answer({
      migrations: await check(() => c.env.DB.prepare("SELECT sequence FROM audit_log LIMIT 1").first()),
      secrets: missing.length ? { ok: false, ms: 0, problem: `not set: ${missing.join(", ")}` } : { ok: true, ms: 0 },
    });
  });

function answer(checks: Record<string, Check>): Response {
  const ok = Object.values(checks).every((one) => one.ok);
  return Response.json({ status: ok ? "ok" : "failing", checks }, { status: ok ? 200 : 503 });
}

async function check(ask: () => Promise<unknown>): Promise<Check> {
  const started = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), MOST_WAIT_MS);
  });
  try {
    const first = await Promise.race([ask(), late]);
    const ms = Date.now() - started;
    return first === "late" ? { ok: false, ms, problem: `no answer within ${MOST_WAIT_MS} ms` } : { ok: true, ms };
  } catch {
    return { ok: false, ms: Date.now() - started, problem: "it failed" };
  } finally {
    clearTimeout(timer);
  }
}
