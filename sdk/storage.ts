/**
 * The page's storage, under keys that begin with `millrace.`, values as JSON. It is closed until `openStorage`, and then nothing in
 * the browser is touched. Memory stands in for as long as it is closed, and where a browser denies storage or it is full.
 */
export interface Store {
  get<T>(key: string): T | undefined;
  /** Without a value it removes. Whether the browser has stored it. */
  set(key: string, value?: unknown): boolean;
  /** The keys beginning so that the browser holds, of this page and of others. */
  keys(prefix: string): string[];
  /** Stores what memory holds. */
  settle(): void;
  /** Removes everything, from memory as well. */
  clear(): void;
}

const PREFIX = "millrace.";

let isOpen = false;

/** Outlives the visit. */
export const lasting = storage("localStorage");
/** Lasts for the visit: until the tab closes. */
export const visit = storage("sessionStorage");

export const isStorageOpen = () => isOpen;

export function openStorage(): void {
  isOpen = true;
  lasting.settle();
  visit.settle();
}

export function closeStorage(): void {
  isOpen = true; // for the last time
  lasting.clear();
  visit.clear();
  isOpen = false;
}

function storage(kind: "localStorage" | "sessionStorage"): Store {
  let memory: Record<string, unknown> = {};

  const store: Store = {
    get<T>(key: string) {
      try {
        const value = isOpen && !(key in memory) ? JSON.parse(window[kind].getItem(PREFIX + key)!) : memory[key];
        return (value || undefined) as T | undefined;
      } catch {
        return undefined;
      }
    },

    set(key, value) {
      memory[key] = value;
      try {
        if (!isOpen) return false;
        if (value === undefined) window[kind].removeItem(PREFIX + key);
        else window[kind].setItem(PREFIX + key, JSON.stringify(value));
        return delete memory[key];
      } catch {
        return false;
      }
    },

    keys(prefix) {
      try {
        return Object.keys(window[kind])
          .filter((key) => key.startsWith(PREFIX + prefix))
          .map((key) => key.slice(PREFIX.length));
      } catch {
        return [];
      }
    },

    settle() {
      const held = memory;
      memory = {};
      for (const key in held) {
        // An answer and a click id join those of earlier pages; anything else replaces what was there.
        const value = held[key];
        store.set(key, value && /consent|click/.test(key) ? { ...store.get<object>(key), ...value } : value);
      }
    },

    clear() {
      for (const key of store.keys("")) store.set(key);
      memory = {};
    },
  };
  return store;
}
