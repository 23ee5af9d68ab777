import { clsx } from "clsx";
import type { ReactNode } from "react";

interface CardProps {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  /** Without the space inside: for tables, which bring their own. */
  flush?: boolean;
}

export function Card({ title, aside, children, className, flush = false }: CardProps) {
  return (
    <section className={clsx("min-w-0 overflow-hidden rounded-card border bg-surface", className)}>
      {(title || aside) && (
        <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b px-5 py-2">
          <h2 className="min-w-0 text-sm font-semibold">{title}</h2>
          {aside && <div className="flex items-center gap-2">{aside}</div>}
        </header>
      )}
      <div className={clsx(!flush && "p-5")}>{children}</div>
    </section>
  );
}

export function Stat({ label, value, note }: { label: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="min-w-0 rounded-card border bg-surface px-5 py-4">
      <p className="text-xs text-soft">{label}</p>
      <p className="mt-1 truncate text-2xl font-semibold tracking-tight tabular-nums">{value}</p>
      {note && <p className="mt-0.5 text-xs text-soft">{note}</p>}
    </div>
  );
}
