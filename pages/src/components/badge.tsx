import { clsx } from "clsx";
import type { ReactNode } from "react";

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";
const TONES: Record<Tone, string> = {
  plain: "bg-sunken text-soft",
  good: "bg-good-wash text-good",
  warn: "bg-warn-wash text-warn",
  bad: "bg-bad-wash text-bad",
  accent: "bg-accent-wash text-accent",
};

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={clsx(
        "inline-flex max-w-full items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium",
        TONES[tone],
      )}
    >
      <span className="truncate">{children}</span>
    </span>
  );
}
