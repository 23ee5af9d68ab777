/** Whether somebody is signed in, and the waiting room for requests that found out that nobody is. */

const TOKEN = "millrace:admin-token";

/** An operator's token, where one was given instead of an account. It is kept for this tab and no longer. */
export function adminToken(): string | undefined {
  try {
    return sessionStorage.getItem(TOKEN) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keepAdminToken(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, token);
  } catch {
    // Storage is closed to us: whoever reloads signs in again.
  }
}

let waiting: { promise: Promise<boolean>; settle(isSignedIn: boolean): void } | undefined;
const listeners = new Set<() => void>();

/** Resolves once the person has signed in again: true; or has given up: false. Many requests wait for one sign-in. */
export function signInAgain(): Promise<boolean> {
  if (!waiting) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    waiting = { promise, settle: resolve };
    for (const tell of listeners) tell();
  }
  return waiting.promise;
}

export function settleSignIn(isSignedIn: boolean): void {
  const settled = waiting;
  waiting = undefined;
  settled?.settle(isSignedIn);
  for (const tell of listeners) tell();
}

/** For `useSyncExternalStore`. */
export const isWaitingForSignIn = () => waiting !== undefined;
export function onSessionChange(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
