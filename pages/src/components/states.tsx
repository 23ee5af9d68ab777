/** What a place shows while it has nothing else to show. */
import { clsx } from "clsx";
import { RotateCw, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ApiProblem } from "../api/problem.ts";
import { Button } from "./button.tsx";

export function Skeleton({ rows = 5, className }: { rows?: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading" className={clsx("flex flex-col gap-3", className)}>
      {Array.from({ length: rows }, (_, i) => i).map((row) => (
        <div
          key={row}
          className="h-9 animate-pulse rounded-md bg-sunken"
          style={{ width: `${100 - (row % 3) * 12}%` }}
        />
      ))}
    </div>
  );
}

interface EmptyProps {
  icon?: ReactNode;
  title: string;
  /** What to do about it. */
  children?: ReactNode;
  action?: ReactNode;
}

export function Empty({ icon, title, children, action }: EmptyProps) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-14 text-center">
      {icon && <div className="mb-1 rounded-full bg-sunken p-3 text-soft [&_svg]:size-5">{icon}</div>}
      <h2 className="text-base font-semibold">{title}</h2>
      {children && <div className="max-w-md text-sm text-soft">{children}</div>}
      {action && <div className="mt-3">{action}</div>}
    </div>
  );
}

export function Failed({ error, again }: { error: unknown; again?: (() => void) | undefined }) {
  const isMissing = error instanceof ApiProblem && (error.status === 404 || error.status === 501);
  return (
    <div role="alert" className="flex flex-col items-center gap-2 px-6 py-14 text-center">
      <div className="mb-1 rounded-full bg-bad-wash p-3 text-bad">
        <TriangleAlert className="size-5" aria-hidden />
      </div>
      <h2 className="text-base font-semibold">{isMissing ? "There is nothing here" : "This could not be loaded"}</h2>
      <p className="max-w-md text-sm break-words text-soft">{wordsOf(error)}</p>
      <RequestId error={error} />
      {again && (
        <Button className="mt-3" onClick={again}>
          <RotateCw className="size-4" aria-hidden /> Try again
        </Button>
      )}
    </div>
  );
}

/** A refused change, beside the button that asked for it. */
export function Refused({ error }: { error: unknown }) {
  if (!error) return null;
  return (
    <div role="alert" className="rounded-md bg-bad-wash px-3 py-2 text-sm break-words whitespace-pre-line text-bad">
      {wordsOf(error)}
      <RequestId error={error} />
    </div>
  );
}

function RequestId({ error }: { error: unknown }) {
  if (!(error instanceof ApiProblem) || !error.request_id) return null;
  return (
    <p className="text-xs opacity-80">
      Request <code className="select-all">{error.request_id}</code>
    </p>
  );
}

export const wordsOf = (error: unknown): string =>
  error instanceof Error ? error.message.slice(0, 2_000) : "Something went wrong.";
