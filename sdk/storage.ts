/**
 * The page's storage, under keys that begin with `millrace.`, values as JSON. A browser may deny it, or it may be full:
 * memory then stands in, for as long as the page lives.
 */
export interface Store {
  get<T>(key: string): T | undefined;
  /** Without a value it removes. */
  set(key: string, value?: unknown): void;
}

/** Outlives the visit. */
export const lasting = storage("localStorage");
/** Lasts for the visit: until the tab closes. */
export const visit = storage("sessionStorage");

function storage(kind: "localStorage" | "sessionStorage"): Store {
  const memory: Record<string, unknown> = {};
  return {
    get<T>(key: string) {
      try {
        const value = key in memory ? memory[key] : JSON.parse(window[kind].getItem(`millrace.${key}`)!);
        return (value || undefined) as T | undefined;
      } catch {
        return undefined;
      }
    },
    set(key, value) {
      try {
        if (value === undefined) window[kind].removeItem(`millrace.${key}`);
        else window[kind].setItem(`millrace.${key}`, JSON.stringify(value));
        delete memory[key];
      } catch {
        memory[key] = value;
      }
    },
  };
}
