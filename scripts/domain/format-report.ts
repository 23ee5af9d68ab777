/** A report as a person reads it. */
import { stripVTControlCharacters, styleText } from "node:util";
import type { Report } from "./check.ts";
import type { Finding, Question } from "./finding.ts";
import type { CookieLife } from "./safari.ts";

const TITLES: Record<Question, string> = {
  address: "Address",
  cname: "CNAME",
  certificate: "HTTPS",
  health: "Health",
  script: "Script",
  events: "Events",
  write_key: "Write key",
};

const MARKS = { good: "✓", warning: "!", failed: "✗", skipped: "·" } as const;
const COLOURS = { good: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;

const SAFARI_OUTCOMES: Record<CookieLife, Finding["outcome"]> = {
  "400_days": "good",
  "7_days": "warning",
  "7_or_400_days": "warning",
  third_party: "warning",
  unknown: "skipped",
};

export interface Look {
  colour: boolean;
  /** Characters to a line. */
  width: number;
}

export function formatReport(report: Report, look: Look): string {
  const guess = report.site_guessed ? " (a guess: --site names it)" : "";
  const same = report.host === report.site;
  const title = same
    ? `${report.host}, for its own pages${guess}`
    : `${report.host}, for the pages of ${report.site}${guess}`;
  const safari: Omit<Finding, "question"> = { outcome: SAFARI_OUTCOMES[report.safari.cookies], ...report.safari };
  const lines = [
    ...report.findings.map((finding) => formatLine(TITLES[finding.question], finding, look)),
    formatLine("Safari", safari, look),
  ];
  return `${title}\n\n${lines.join("\n")}\n\n${conclusion(report, safari.outcome, look)}\n`;
}

function formatLine(title: string, { outcome, says, next }: Omit<Finding, "question">, look: Look): string {
  const mark = look.colour ? styleText(COLOURS[outcome], MARKS[outcome], { validateStream: false }) : MARKS[outcome];
  const text = [...wrap(says, look.width - 15), ...(next ? wrap(next, look.width - 17).map(arrow) : [])];
  return `  ${mark} ${title.padEnd(11)}${text.join(`\n${" ".repeat(15)}`)}`;
}

const arrow = (line: string, i: number) => (i === 0 ? `→ ${line}` : `  ${line}`);

function conclusion({ works, findings }: Report, safari: Finding["outcome"], { colour }: Look): string {
  const failed = findings.filter(({ outcome }) => outcome === "failed").length;
  const warned = findings.filter(({ outcome }) => outcome === "warning").length + (safari === "warning" ? 1 : 0);
  const warnings = warned === 0 ? "" : ` ${warned === 1 ? "One thing" : `${warned} things`} could be better.`;
  const text = works
    ? `It works.${warnings}`
    : `It does not work: ${failed === 1 ? "one check" : `${failed} checks`} failed.`;
  return colour ? styleText(["bold", works ? "green" : "red"], text, { validateStream: false }) : text;
}

/** Breaks between words; a word that is longer than a line stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of stripVTControlCharacters(text).split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
