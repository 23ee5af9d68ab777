/** "Waiting for your first event": turns green by itself, and says what stands in the way. */
import { CircleAlert, CircleCheck, CircleDashed } from "lucide-react";
import type { Finding, Setup } from "../api/setup.ts";

export function SetupCheck({ setup: { first_event, findings } }: { setup: Setup }) {
  return (
    <div aria-live="polite" className="flex flex-col gap-4">
      <div
        className={`flex items-center gap-3 rounded-lg px-4 py-3 ${first_event ? "bg-good-wash text-good" : "bg-sunken"}`}
      >
        {first_event ? (
          <CircleCheck className="size-5 shrink-0" aria-hidden />
        ) : (
          <span className="size-3 shrink-0 animate-pulse rounded-full bg-accent" aria-hidden />
        )}
        <p className="min-w-0 text-sm font-medium [overflow-wrap:anywhere]">
          {first_event ? `Your first event has arrived: ${first_event}` : "Waiting for your first event…"}
        </p>
      </div>
      <ul className="flex flex-col gap-2.5">
        {findings.map((finding) => (
          <FindingLine key={finding.check} finding={finding} />
        ))}
      </ul>
    </div>
  );
}

const ICONS = { passed: CircleCheck, failed: CircleAlert, waiting: CircleDashed };
const TONES = { passed: "text-good", failed: "text-bad", waiting: "text-soft" };

function FindingLine({ finding: { state, title, advice } }: { finding: Finding }) {
  const Icon = ICONS[state];
  return (
    <li className="flex gap-3 text-sm">
      <Icon className={`mt-0.5 size-4 shrink-0 ${TONES[state]}`} aria-label={state} />
      <div className="min-w-0 [overflow-wrap:anywhere]">
        <p>{title}</p>
        {advice && <p className="text-xs text-soft">{advice}</p>}
      </div>
    </li>
  );
}
