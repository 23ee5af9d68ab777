/** Shards' partial answers to one, and its metrics from sums. */
import type { Group, PartialAnswer } from "./evaluate.ts";
import type { Card, Metric } from "./query.ts";
import { AT, SUMS, type Sum } from "./sums.ts";

export interface Row {
  /** By dimension. "" where it is not known. */
  dimensions: Record<string, string>;
  /** Number of the bucket of time; absent without an interval. */
  bucket?: number;
  /** Null where it is a share of nothing. Money in minor units. */
  metrics: Partial<Record<Metric, number | null>>;
}

export interface CardAnswer {
  rows: Row[];
  /** How many rows there are, with those that were not asked for. */
  row_count: number;
  /** The rows behind `most`, added up: visitors who are in several of them count several times, and `is_exact` says so. */
  other?: Row["metrics"] & { row_count: number };
  is_exact: boolean;
}

/** Rows of a card that are told apart. */
export const MOST_ROWS = 10_000;

export function merge(card: Card, partial: PartialAnswer[]): CardAnswer {
  const all = new Map<string, Group>();
  for (const { groups } of partial)
    for (const group of groups) {
      const name = JSON.stringify(group.key);
      const known = all.get(name);
      if (known) add(known.sums, group.sums);
      else all.set(name, { key: group.key, sums: [...group.sums] });
    }
  const skip = card.interval ? 1 : 0;
  const order = card.order_by ?? card.metrics[0]!;
  const measured = [...all.values()].map((group) => ({ group, by: metricOf(order, group.sums) ?? 0 }));
  measured.sort(
    (a, b) => (skip ? Number(a.group.key[0]) - Number(b.group.key[0]) : 0) || b.by - a.by || compare(a.group, b.group),
  );
  const shown = measured.slice(0, MOST_ROWS);
  const rest = measured.slice(MOST_ROWS);
  const rows = shown
    .slice(card.offset, card.offset + (card.limit ?? (card.interval ? MOST_ROWS : 100)))
    .map(({ group: { key, sums } }) => ({
      dimensions: Object.fromEntries(card.dimensions.map((name, d) => [name, String(key[d + skip])])),
      ...(skip && { bucket: Number(key[0]) }),
      metrics: metricsOf(card, sums),
    }));
  const answer: CardAnswer = {
    rows,
    row_count: measured.length,
    is_exact: rest.length === 0 && partial.every(({ cut, isFull }) => cut === 0 && !isFull),
  };
  if (rest.length) {
    const sums = new Array<number>(SUMS.length).fill(0);
    for (const { group } of rest) add(sums, group.sums);
    answer.other = { ...metricsOf(card, sums), row_count: rest.length };
  }
  return answer;
}

function add(to: number[], sums: number[]): void {
  for (let i = 0; i < sums.length; i++) to[i]! += sums[i]!;
}

const compare = (a: Group, b: Group) => (JSON.stringify(a.key) < JSON.stringify(b.key) ? -1 : 1);
const metricsOf = ({ metrics }: Card, sums: number[]) =>
  Object.fromEntries(metrics.map((name) => [name, metricOf(name, sums)]));

function metricOf(metric: Metric, sums: number[]): number | null {
  const sum = (name: Sum) => sums[AT[name]]!;
  const share = (of: number, among: number) => (among === 0 ? null : of / among);
  switch (metric) {
    case "bounce_rate":
      return share(sum("bounces"), sum("sessions"));
    case "net_revenue":
      return sum("revenue") - sum("refunded");
    case "average_order":
      return share(sum("revenue"), sum("orders"));
    case "revenue_per_visitor":
      return share(sum("revenue"), sum("visitors"));
    case "conversion_rate":
      return share(sum("converted_sessions"), sum("sessions"));
    default:
      return sum(metric);
  }
}
