import { clsx } from "clsx";

/** Two letters in a colour of the name's own: a vendor's mark without a vendor's logo. */
export function Mark({ name, className }: { name: string; className?: string }) {
  const words = name.replaceAll(/[_-]+/g, " ").trim().split(/\s+/);
  const letters = (
    words.length > 1
      ? `${first(words[0]!)}${first(words[1]!)}`
      : Array.from(words[0] ?? "?")
          .slice(0, 2)
          .join("")
  ).toUpperCase();
  return (
    <span
      aria-hidden
      className={clsx("inline-grid size-9 shrink-0 place-items-center rounded-lg text-xs font-semibold", className)}
      style={{ background: `oklch(0.92 0.05 ${hue(name)})`, color: `oklch(0.36 0.1 ${hue(name)})` }}
    >
      {letters}
    </span>
  );
}

const first = (word: string) => Array.from(word)[0] ?? "";

function hue(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)!) % 360;
  return sum;
}
