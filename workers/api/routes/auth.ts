/** Everything under /api/auth is better-auth's; before it stand what it does not count: tries by account and address, and Turnstile. */
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import type { ApiEnv } from "../../env.ts";
import { countAttempt, forgetAttempts, refuseMoreThan } from "../accounts/attempts.ts";
import { isHuman } from "../accounts/turnstile.ts";

const FIVE = 5;
/** An office shares one address. */
const MOST_BY_ADDRESS = 50;
const FAILURES_WITHOUT_PROOF = 3;

const withEmail = z.looseObject({ email: z.string().max(320) });
const withPassword = z.looseObject({ password: z.string().optional(), newPassword: z.string().optional() });

type C = Context<{ Bindings: ApiEnv }>;

export const auth = new Hono<{ Bindings: ApiEnv }>().on(["GET", "POST"], "/*", async (c) => {
  const action = c.req.path.replace(/^\/api\/auth/, "");
  if (c.req.method === "GET") return handle(c);
  const body = await peek(c);
  if (action === "/sign-in/email") return signIn(c, body);
  if (/^\/(sign-up|request-password-reset|send-verification-email|change-email)/.test(action)) {
    refuseMoreThan(MOST_BY_ADDRESS, await countAttempt(c.env.DB, `${action} from ${addressOf(c)}`));
    if (body.email) refuseMoreThan(FIVE, await countAttempt(c.env.DB, `${action} of ${body.email}`));
  }
  if (/^\/two-factor\/verify/.test(action))
    refuseMoreThan(MOST_BY_ADDRESS, await countAttempt(c.env.DB, `second factor from ${addressOf(c)}`));
  const chosen = action === "/sign-up/email" ? body.password : body.newPassword;
  if (chosen !== undefined && !/\d/.test(chosen))
    throw new ApiError("invalid_request", "password: at least 8 characters, one of them a number");
  return handle(c);
});

/** Counted by account and address (a stranger elsewhere locks nobody out), and by each alone, where proof of a human is asked for. */
async function signIn(c: C, { email }: Peeked): Promise<Response> {
  const both = `sign-in of ${email ?? ""} from ${addressOf(c)}`;
  const account = `sign-in of ${email ?? ""}`;
  const [pair, whole, address] = await Promise.all([
    countAttempt(c.env.DB, both),
    countAttempt(c.env.DB, account),
    countAttempt(c.env.DB, `sign-in from ${addressOf(c)}`),
  ]);
  refuseMoreThan(FIVE, pair);
  refuseMoreThan(MOST_BY_ADDRESS, address);
  if (
    whole.before >= FAILURES_WITHOUT_PROOF &&
    c.env.TURNSTILE_SECRET &&
    !(await isHuman(c.env, turnstileToken(c), addressOf(c)))
  )
    throw new ApiError(
      "captcha_required",
      "Prove that you are no machine: send Turnstile's answer as x-captcha-response",
    );
  const response = await handle(c);
  if (response.ok) await forgetAttempts(c.env.DB, [both, account]);
  return response;
}

async function handle(c: C): Promise<Response> {
  const { authOf } = await import("../accounts/auth.ts");
  const auth = await authOf(c.env, new URL(c.req.url).origin);
  return auth.handler(c.req.raw);
}

interface Peeked {
  email?: string;
  password?: string | undefined;
  newPassword?: string | undefined;
}

/** What is counted and checked, of a body that better-auth reads itself. Anything else is for it to refuse. */
async function peek(c: C): Promise<Peeked> {
  const text = await c.req.raw.clone().text();
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    return {};
  }
  const email = withEmail.safeParse(value).data?.email.trim().toLowerCase();
  return { ...(email !== undefined && { email }), ...withPassword.safeParse(value).data };
}

const addressOf = (c: C) => c.req.header("cf-connecting-ip") ?? "nowhere";
const turnstileToken = (c: C) => c.req.header("x-captcha-response") ?? "";
