/** Any value as text, coloured. What is inside came from strangers: it becomes text nodes and nothing else. */
import { clsx } from "clsx";
import { Fragment } from "react";
import { CopyButton } from "./copy-button.tsx";

const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
/** More than a person reads; the whole is what is copied. */
const MOST_SHOWN = 60_000;

export function JsonView({ value, label, className }: { value: unknown; label: string; className?: string }) {
  const text = typeof value === "string" ? pretty(value) : (JSON.stringify(value, null, 2) ?? "nothing");
  const shown = text.slice(0, MOST_SHOWN);
  return (
    <div className={clsx("group relative rounded-md border bg-sunken/60", className)}>
      <CopyButton text={text} label={`Copy ${label}`} className="absolute top-1.5 right-1.5" />
      <section
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it
        tabIndex={0}
        className="max-h-96 overflow-auto"
      >
        <pre className="p-3 pr-20 font-mono text-xs leading-relaxed whitespace-pre-wrap [overflow-wrap:anywhere]">
          {coloured(shown)}
          {shown.length < text.length && `\n… ${text.length - shown.length} more characters: copy to see them`}
        </pre>
      </section>
    </div>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function coloured(text: string) {
  const parts: React.ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(TOKENS)) {
    parts.push(<Fragment key={`${found.index}-`}>{text.slice(at, found.index)}</Fragment>);
    const [whole, quoted, colon, word] = found;
    const tone = quoted ? (colon ? "text-soft" : "text-good") : word ? "text-warn" : "text-accent";
    parts.push(
      <span key={found.index} className={tone}>
        {whole}
      </span>,
    );
    at = found.index + whole.length;
  }
  parts.push(<Fragment key="rest">{text.slice(at)}</Fragment>);
  return parts;
}
