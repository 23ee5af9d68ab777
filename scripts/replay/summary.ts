/** What a replay came to: one object for machines, one table for people. */
import assert from "node:assert/strict";
import type { Ledger, RefusedLine } from "./ledger.ts";
import { SKIP_REASONS, type SkipReason } from "./page-event.ts";
import type { Done } from "./state.ts";

export interface Summary {
  file: string;
  host: string;
  complete: boolean;
  /** Of the whole log so far, earlier runs included. */
  lines_read: number;
  sent: number;
  refused: number;
  refused_by_code: Record<string, number>;
  refused_examples: RefusedLine[];
  skipped: number;
  skipped_by_reason: Partial<Record<SkipReason, number>>;
  visitors: number;
  bots: number;
  first_at: string | null;
  last_at: string | null;
  /** Of this run alone. */
  seconds: number;
  events_per_second: number;
  requests: number;
  resumed_after_line: number | null;
}

export interface Run {
  file: string;
  host: string;
  complete: boolean;
  seconds: number;
  requests: number;
  resumed: Done | undefined;
}

export function summarise({ tally, done, examples }: Ledger, run: Run): Summary {
  const refused = total(done.refused);
  const skipped = total(tally.skipped);
  assert.equal(tally.lines, done.lines, "a line was counted twice or not at all");
  assert.equal(done.lines, done.sent + refused + skipped, "lines read are not sent + refused + skipped; try --restart");
  return {
    file: run.file,
    host: run.host,
    complete: run.complete,
    lines_read: done.lines,
    sent: done.sent,
    refused,
    refused_by_code: done.refused,
    refused_examples: examples,
    skipped,
    skipped_by_reason: tally.skipped,
    visitors: tally.visitors.size,
    bots: tally.bots,
    first_at: isoTime(tally.first),
    last_at: isoTime(tally.last),
    seconds: Math.round(run.seconds * 1000) / 1000,
    events_per_second: Math.round(sentThisRun(done, run.resumed) / Math.max(run.seconds, 0.001)),
    requests: run.requests,
    resumed_after_line: run.resumed?.lines ?? null,
  };
}

/** An interrupted run may not have come past what was done before it. */
export function sentThisRun(done: Done, resumed: Done | undefined): number {
  return Math.max(0, done.sent - (resumed?.sent ?? 0));
}

const LABEL_WIDTH = 32;
const NUMBER_WIDTH = 12;

export function formatSummary(summary: Summary): string {
  const skipped = (Object.keys(SKIP_REASONS) as SkipReason[])
    .map((reason): [string, number] => [SKIP_REASONS[reason], summary.skipped_by_reason[reason] ?? 0])
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1]);
  return [
    row("Lines read", summary.lines_read),
    row("  Sent", summary.sent),
    row("  Refused", summary.refused),
    ...Object.entries(summary.refused_by_code).map(([code, n]) => row(`    ${code}`, n)),
    ...summary.refused_examples.map(({ line, code, message }) => `      line ${number(line)}: ${code}: ${message}`),
    row("  Skipped", summary.skipped),
    ...skipped.map(([label, n]) => row(`    ${label}`, n)),
    "",
    row("Visitors", summary.visitors),
    row("Page views by declared bots", summary.bots),
    ...spanLines(summary),
    "",
    `${summary.complete ? "Took" : "Stopped after"} ${summary.seconds.toFixed(1)} s: ` +
      `${counted(summary.requests, "request")}, ${number(summary.events_per_second)} events/s` +
      (summary.resumed_after_line === null
        ? ""
        : `, resumed after line ${number(summary.resumed_after_line)} (totals include the earlier run)`),
  ].join("\n");
}

function spanLines({ first_at, last_at }: Summary): string[] {
  if (first_at === null || last_at === null) return [];
  const hours = (Date.parse(last_at) - Date.parse(first_at)) / 3_600_000;
  const length = hours >= 48 ? `${(hours / 24).toFixed(1)} days` : `${hours.toFixed(1)} hours`;
  return [`Log covers  ${plainTime(first_at)} to ${plainTime(last_at)} UTC (${length})`];
}

export function number(n: number): string {
  return n.toLocaleString("en-US");
}

export function counted(n: number, noun: string): string {
  return `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
}

function row(label: string, n: number): string {
  return label.padEnd(LABEL_WIDTH) + number(n).padStart(NUMBER_WIDTH);
}

function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

function isoTime(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

/** `2015-05-17T10:05:00.000Z` to `2015-05-17 10:05:00`. */
function plainTime(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}
