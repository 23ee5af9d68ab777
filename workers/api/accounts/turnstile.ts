import * as z from "zod";
import type { ApiEnv } from "../../env.ts";

/** https://developers.cloudflare.com/turnstile/get-started/server-side-validation/ */
const SITEVERIFY = "https://challenges.cloudflare.com/turnstile/v0/siteverify";
const verdict = z.object({ success: z.boolean() });

/** Whether Turnstile knows the answer. False where it cannot be asked: sign-in fails closed. */
export async function isHuman(env: ApiEnv, response: string, remoteip: string): Promise<boolean> {
  if (response === "") return false;
  const body = JSON.stringify({ secret: env.TURNSTILE_SECRET, response, remoteip });
  try {
    const answer = await fetch(env.TURNSTILE_URL ?? SITEVERIFY, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(5_000),
    });
    return verdict.parse(await answer.json()).success;
  } catch {
    return false;
  }
}
