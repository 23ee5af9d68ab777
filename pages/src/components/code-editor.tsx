/** CodeMirror, loaded with the pages that write code and with no other. */
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { useEffect, useRef } from "react";

interface CodeEditorProps {
  label: string;
  language: "json" | "yaml";
  /** What it begins with. Another `key` begins anew. */
  initial: string;
  onChange(text: string): void;
}

const look = EditorView.theme({
  "&": {
    fontSize: "12.5px",
    backgroundColor: "var(--surface)",
    color: "var(--ink)",
    borderRadius: "0.375rem",
    border: "1px solid var(--line)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--font-mono, ui-monospace, monospace)", minHeight: "20rem", maxHeight: "36rem" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--soft)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--accent-wash) !important" },
});

/** In the colours of the theme, which change with it. */
const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.content], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--warn)" },
  { tag: [tags.comment, tags.meta, tags.separator, tags.punctuation], color: "var(--soft)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

export function CodeEditor({ label, language, initial, onChange }: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const tell = useRef(onChange);
  tell.current = onChange;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor owns its text once it is there
  useEffect(() => {
    const editor = new EditorView({
      parent: place.current!,
      doc: initial,
      extensions: [
        basicSetup,
        language === "json" ? json() : yaml(),
        syntaxHighlighting(colours),
        look,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.updateListener.of(({ docChanged, state }) => docChanged && tell.current(state.doc.toString())),
      ],
    });
    return () => editor.destroy();
  }, []);
  return <div ref={place} />;
}
