/** Accounts: better-auth under /api/auth. */
import { ask, post } from "./client.ts";
import { ApiProblem } from "./problem.ts";
import { adminToken, keepAdminToken } from "./session.ts";

export interface Credentials {
  email: string;
  password: string;
}

/** Throws `ApiProblem`. */
export async function signIn(credentials: Credentials): Promise<{ needs_second_factor: boolean }> {
  keepAdminToken(undefined);
  const { data } = await ask<{ twoFactorRedirect?: boolean }>("POST", "/api/auth/sign-in/email", {
    body: credentials,
    without_sign_in: true,
  });
  return { needs_second_factor: data.twoFactorRedirect === true };
}

export const verifySecondFactor = (code: string) =>
  ask("POST", "/api/auth/two-factor/verify-totp", { body: { code }, without_sign_in: true });

/** Signing up signs nobody in. Where the deployment asks for a proof of the address first, signing in is refused until then. */
export async function signUp(person: Credentials & { name: string }): Promise<{ waits_for_mail: boolean }> {
  keepAdminToken(undefined);
  await ask("POST", "/api/auth/sign-up/email", { body: person, without_sign_in: true });
  try {
    await signIn({ email: person.email, password: person.password });
    return { waits_for_mail: false };
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 403) return { waits_for_mail: true };
    throw error;
  }
}

/** Tries the token before it is kept. Throws `ApiProblem`. */
export async function signInAsOperator(token: string): Promise<void> {
  keepAdminToken(token);
  try {
    await ask("GET", "/api/v1/me", { without_sign_in: true });
  } catch (error) {
    keepAdminToken(undefined);
    throw error;
  }
}

export async function signOut(): Promise<void> {
  if (adminToken()) keepAdminToken(undefined);
  else await post("/api/auth/sign-out").catch(() => {});
}
