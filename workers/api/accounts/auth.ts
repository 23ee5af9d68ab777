/**
 * better-auth as we use it: who a person is, and nothing of what they may do (access.ts). It is loaded by the routes under /api/auth
 * only, so that no other request waits for it. One instance a request: promises of one request must not be awaited in another.
 * Organisations are ours, not its plugin's: that has roles and routes of its own, which no table of ours would know.
 */
import { betterAuth } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { APIError } from "better-auth/api";
import { genericOAuth, twoFactor } from "better-auth/plugins";
import { drizzle } from "drizzle-orm/d1";
import { ApiError } from "../../../core/api-error.ts";
import { accounts, sessions, twoFactors, users, verifications } from "../../../db/accounts-schema.ts";
import type { ApiEnv } from "../../env.ts";
import { sendMail } from "../../mail/send-mail.ts";
import { COOKIE_PREFIX, SESSION_S } from "./session.ts";

const schema = {
  user: users,
  session: sessions,
  account: accounts,
  verification: verifications,
  twoFactor: twoFactors,
};

/** Throws `overloaded` where the deployment has no AUTH_SECRET. */
export async function authOf(env: ApiEnv, origin: string) {
  if (!env.AUTH_SECRET) throw new ApiError("overloaded", "This deployment has no AUTH_SECRET yet: nobody can sign in");
  const baseURL = env.PUBLIC_URL ?? origin;
  const oidc = await oidcProvider(env);
  return betterAuth({
    appName: "Millrace",
    baseURL,
    basePath: "/api/auth",
    secret: env.AUTH_SECRET,
    trustedOrigins: [baseURL],
    telemetry: { enabled: false },
    logger: { disabled: true },
    database: drizzleAdapter(drizzle(env.DB), { provider: "sqlite", schema }),
    // Ours counts by account as well, and in D1 (attempts.ts).
    rateLimit: { enabled: false },
    session: { expiresIn: SESSION_S, updateAge: 86_400 },
    advanced: {
      cookiePrefix: COOKIE_PREFIX,
      // The only addresses without TLS are a developer's own.
      useSecureCookies: baseURL.startsWith("https:"),
      database: { generateId: ({ model }) => `${model.slice(0, 3)}_${crypto.randomUUID().replaceAll("-", "")}` },
      ipAddress: { ipAddressHeaders: ["cf-connecting-ip"] },
    },
    emailAndPassword: {
      enabled: true,
      minPasswordLength: 8,
      maxPasswordLength: 128,
      // Whether an address is taken is not told: signing up answers alike, and signs nobody in.
      autoSignIn: false,
      revokeSessionsOnPasswordReset: true,
      sendResetPassword: ({ user, url }) =>
        sendMail(env, {
          to: user.email,
          subject: "Choose a new password for Millrace",
          text: `Choose a new password within an hour:\n${url}\n\nIf you did not ask for it, nothing has changed.`,
        }),
      onExistingUserSignUp: ({ user }) =>
        sendMail(env, {
          to: user.email,
          subject: "You have a Millrace account already",
          text: `Somebody, perhaps you, signed up with this address, which has an account:\n${baseURL}/sign-in`,
        }),
    },
    emailVerification: {
      sendOnSignUp: true,
      expiresIn: 7 * 86_400,
      sendVerificationEmail: ({ user, url }) =>
        sendMail(env, {
          to: user.email,
          subject: "Confirm your address for Millrace",
          text: `Confirm that this address is yours, within seven days:\n${url}`,
        }),
    },
    // An account of a provider joins one of the same address only where both have proven to own it.
    account: { accountLinking: { enabled: true, trustedProviders: [] }, encryptOAuthTokens: true },
    socialProviders: {
      ...(env.GOOGLE_CLIENT_ID && {
        google: { clientId: env.GOOGLE_CLIENT_ID, clientSecret: env.GOOGLE_CLIENT_SECRET ?? "" },
      }),
      ...(env.X_CLIENT_ID && { twitter: { clientId: env.X_CLIENT_ID, clientSecret: env.X_CLIENT_SECRET ?? "" } }),
    },
    plugins: [twoFactor({ issuer: "Millrace" }), genericOAuth({ config: oidc })],
    databaseHooks: {
      user: {
        create: {
          before: async (user) => {
            if (/[\r\n<>]/.test(user.name))
              throw new APIError("BAD_REQUEST", { message: "name: no < > or line breaks" });
          },
        },
      },
    },
  });
}

/** By its own description. One that cannot be reached is left out: a password still works then. */
async function oidcProvider({ OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET }: ApiEnv) {
  if (!OIDC_ISSUER || !OIDC_CLIENT_ID) return [];
  return [
    {
      providerId: "oidc",
      discoveryUrl: `${OIDC_ISSUER.replace(/\/$/, "")}/.well-known/openid-configuration`,
      clientId: OIDC_CLIENT_ID,
      ...(OIDC_CLIENT_SECRET && { clientSecret: OIDC_CLIENT_SECRET }),
      scopes: ["openid", "email", "profile"],
      pkce: true,
    },
  ];
}
