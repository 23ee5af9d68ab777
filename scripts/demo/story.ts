import { styleText } from "node:util";
import type { LiveItem } from "../../core/live.ts";
import type { LiveRecord } from "./live-record.ts";
import type { Summary } from "./summary.ts";

/** The visit as a person reads it: event by event what came in, what each step did, and what each vendor was told and said. */
export function story(record: LiveRecord, summary: Summary): string {
  const events = [...record.processed].sort((a, b) => a.event.timestamp.localeCompare(b.event.timestamp));
  return [...events.map((item, i) => chapter(item, i + 1, record)), totals(summary)].join("\n\n");
}

type Processed = Extract<LiveItem, { kind: "processed" }>;
type Delivered = Extract<LiveItem, { kind: "delivered" }>;

const bold = (text: string) => styleText("bold", text);
const dim = (text: string) => styleText("dim", text);

function chapter({ received, event, receipt }: Processed, number: number, record: LiveRecord): string {
  const lines = [
    bold(`${number}. ${event.type}${event.type === "track" ? ` “${event.event}”` : ""}`) +
      dim(`  ${event.timestamp}  ${event.message_id}`),
    `   came in     ${short(received.context.page?.url ?? "", 96)}`,
    ...(Object.keys(received.properties).length
      ? [`               ${dim(short(JSON.stringify(received.properties), 160))}`]
      : []),
    ...receipt.steps.map(({ step, verdict, changed, reason, detail }) => {
      const what =
        verdict !== "kept"
          ? `${verdict}: ${reason}${detail ? ` (${detail})` : ""}`
          : changed.length
            ? changed.join(", ")
            : "nothing to do";
      return `   ${step.padEnd(18)}${verdict === "kept" && !changed.length ? dim(what) : what}`;
    }),
    `   ${dim(`shard ${receipt.shard}, session ${event.context.session?.number ?? "–"}, configuration ${receipt.configuration}`)}`,
  ];
  for (const { integration, integration_id, outcome, reason, detail } of receipt.integrations) {
    if (outcome === "filtered") {
      lines.push(`   → ${bold(integration)} not sent: ${reason}${detail ? ` (${detail})` : ""}`);
      continue;
    }
    for (const delivery of record.delivered) {
      if (delivery.integration_id !== integration_id) continue;
      const own = delivery.events.find((e) => e.message_id === event.message_id);
      if (own) lines.push(...delivered(delivery, own));
    }
  }
  return lines.join("\n");
}

function delivered(
  { integration, request, response, attempt, events }: Delivered,
  own: Delivered["events"][number],
): string[] {
  const answer =
    "error" in response
      ? response.error
      : `HTTP ${response.status}${response.body ? ` ${short(response.body, 120)}` : ""}`;
  const together =
    events.length > 1 ? dim(` together with ${events.length - 1} other event${events.length > 2 ? "s" : ""}`) : "";
  return [
    `   → ${bold(integration)} ${own.outcome}${own.reason ? `: ${own.reason}` : ""}${attempt > 1 ? ` at attempt ${attempt}` : ""}${together}`,
    `     ${request.method} ${request.url}`,
    `     ${dim(ownPart(request.body, own.message_id))}`,
    `     answered ${answer} ${dim(`in ${response.ms} ms`)}`,
  ];
}

/** A request's body with the other events of its batch left out, so that what is told of this one can be read. */
function ownPart(body: string, messageId: string): string {
  const parsed = JSON.parse(body) as Record<string, unknown>;
  for (const [key, value] of Object.entries(parsed)) {
    if (!Array.isArray(value) || value.length < 2) continue;
    const own = value.filter((one) => JSON.stringify(one).includes(messageId));
    if (own.length === 0) continue;
    const others = value.length - own.length;
    return JSON.stringify({ ...parsed, [key]: [...own, `… and ${others} other event${others > 1 ? "s" : ""}`] });
  }
  return body;
}

function totals(summary: Summary): string {
  const delivered = Object.entries(summary.delivered).map(([name, n]) => `${name} ${n}`);
  return [
    bold("In short"),
    `   ${summary.sent} events sent, ${summary.accepted} accepted, ${summary.processed} processed, ${summary.duplicates} duplicates`,
    `   delivered: ${delivered.join(", ")}; dead-lettered: ${summary.dead_lettered}`,
    `   from the door to the vendor's answer: p50 ${summary.end_to_end_ms.p50} ms, p95 ${summary.end_to_end_ms.p95} ms ${dim("(of which 2 × up to 1 s is the queues filling a batch)")}`,
  ].join("\n");
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
