/** Short words about what has just happened, with a way back where there is one. */
import { clsx } from "clsx";
import { X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { wordsOf } from "./states.tsx";

export interface Toast {
  title: string;
  tone?: "good" | "bad";
  /** Takes back what was done. */
  undo?: () => void;
}
type Shown = Toast & { id: number };

let shown: readonly Shown[] = [];
let count = 0;
const listeners = new Set<() => void>();

function show(next: readonly Shown[]): void {
  shown = next;
  for (const tell of listeners) tell();
}

export function toast(given: Toast): void {
  const id = ++count;
  show([...shown.slice(-2), { ...given, id }]);
  setTimeout(() => dismiss(id), given.undo || given.tone === "bad" ? 9_000 : 4_000);
}

export const toastError = (error: unknown) => toast({ title: wordsOf(error), tone: "bad" });

const dismiss = (id: number) => show(shown.filter((one) => one.id !== id));

export function Toasts() {
  const all = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => shown,
  );
  return (
    <section
      aria-label="Notices"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-4 z-60 flex flex-col items-center gap-2 sm:inset-x-auto sm:right-5 sm:items-end"
    >
      {all.map(({ id, title, tone, undo }) => (
        <div
          key={id}
          className={clsx(
            "pointer-events-auto flex max-w-sm animate-rise items-center gap-3 rounded-lg bg-raised py-2.5 pr-2 pl-4 text-sm shadow-lg ring-1",
            tone === "bad" ? "ring-bad/40" : "ring-line",
          )}
        >
          <p className={clsx("min-w-0 line-clamp-4 [overflow-wrap:anywhere]", tone === "bad" && "text-bad")}>{title}</p>
          {undo && (
            <button
              type="button"
              className="shrink-0 rounded px-2 py-1 font-medium text-accent hover:bg-accent-wash"
              onClick={() => {
                dismiss(id);
                undo();
              }}
            >
              Undo
            </button>
          )}
          <button
            type="button"
            aria-label="Dismiss"
            className="shrink-0 rounded p-1 text-soft hover:text-ink"
            onClick={() => dismiss(id)}
          >
            <X className="size-4" aria-hidden />
          </button>
        </div>
      ))}
    </section>
  );
}
