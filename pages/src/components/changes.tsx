/** How two documents differ, a line each. */
export function Changes({ text }: { text: string }) {
  if (text.trim() === "") return <p className="text-sm text-soft">They are the same.</p>;
  return (
    <ul className="overflow-x-auto rounded-md border font-mono text-xs">
      {text.split("\n").map((line, i) => (
        <li
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name, and never change places
          key={i}
          className={`px-3 py-1 whitespace-pre-wrap [overflow-wrap:anywhere] ${line.startsWith("+") ? "bg-good-wash text-good" : line.startsWith("-") ? "bg-bad-wash text-bad" : ""}`}
        >
          {line}
        </li>
      ))}
    </ul>
  );
}
