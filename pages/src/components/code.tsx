import { CopyButton } from "./copy-button.tsx";

export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div className="relative rounded-md border bg-sunken/60">
      <CopyButton text={text} label={`Copy ${label}`} className="absolute top-2 right-2" />
      <section
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it
        tabIndex={0}
        className="overflow-x-auto"
      >
        <pre className="p-4 pr-24 font-mono text-xs leading-relaxed">{text}</pre>
      </section>
    </div>
  );
}
