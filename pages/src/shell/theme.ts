import { useSyncExternalStore } from "react";

const KEY = "millrace:theme";
const listeners = new Set<() => void>();

/** What `public/theme.js` put there before the first paint. */
const current = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

export function toggleTheme(): void {
  const next = current() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage is closed to us: it holds until the page is left.
  }
  for (const tell of listeners) tell();
}

export const useTheme = () =>
  useSyncExternalStore((tell) => {
    listeners.add(tell);
    return () => listeners.delete(tell);
  }, current);
