/** docs/event-map.md: what each standard event is called at each vendor, by asking the destinations' own mappings. */
import { EVENT_TYPES, type Event } from "../../core/event.ts";
import { STANDARD_EVENTS, sampleEvent } from "../../core/standard-events.ts";
import { isRecord } from "../../core/values.ts";
import { type Destination, isSkip, splitSecrets } from "../../workers/delivery/destination.ts";
import { destinations } from "../../workers/delivery/destinations/index.ts";

/** Where vendors put the name of what happened, for destinations that do not say it themselves (`eventName`). */
const NAME_FIELDS = ["event_name", "eventName", "event_type", "eventType", "event", "tracking_type", "name"];
const LEVELS = 3;

/** The vendor's name for a sample event, `sent` where it goes as it is, or why it does not go. */
export function vendorName(destination: Destination, event: Event): string {
  const { open } = splitSecrets(destination.settings, destination.exampleSettings);
  const payload = destination.map(event, open);
  if (isSkip(payload)) return "–";
  const name = destination.eventName ? destination.eventName(payload) : nameIn(payload, LEVELS);
  return name === undefined || name === event.event ? "sent" : `\`${name}\``;
}

/** Breadth first: a request's own event before anything inside it. */
function nameIn(payload: unknown, levels: number): string | undefined {
  let level: unknown[] = [payload];
  for (let depth = 0; depth < levels; depth++) {
    for (const one of level.filter(isRecord)) {
      const field = NAME_FIELDS.find((name) => typeof one[name] === "string");
      if (field) return one[field] as string;
    }
    level = level.flatMap((one) => (isRecord(one) ? Object.values(one) : Array.isArray(one) ? one : []));
  }
  return undefined;
}

export function eventMap(): string {
  const vendors = Object.values(destinations);
  const head = ["Event", ...vendors.map(({ title }) => title)];
  const row = (label: string, event: Event) => [label, ...vendors.map((vendor) => vendorName(vendor, event))];
  const standard = Object.entries(STANDARD_EVENTS).map(([name, properties]) =>
    row(name, sampleEvent("track", name, properties)),
  );
  const types = EVENT_TYPES.map((type) =>
    type === "track"
      ? row("any other `track`", sampleEvent("track", "Quiz Finished", { score: 7 }))
      : row(`\`${type}\``, sampleEvent(type, type)),
  );
  return `# What standard events become

The 28 events of [Segment's e-commerce spec v2](https://segment.com/docs/connections/spec/ecommerce/v2/), and the six kinds of calls, as
each destination names them when nobody says otherwise. \`sent\`: under the event's own name, or as a copy of the event. –: the vendor has
no use for it, with the settings of an example. A pipeline changes any of it ([pipelines.md](pipelines.md)): \`rename_event\` before the vendor's own
mapping, or \`custom\` after it.

Made by \`npm run docs\` from the mappings themselves; a test fails while it is not current.

${markdownTable([head, ...standard, ...types])}
`;
}

function markdownTable([head, ...rows]: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(head!), line(head!.map(() => "---")), ...rows.map(line)].join("\n");
}
