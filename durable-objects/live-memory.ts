/** What a live stream remembers, in memory and within a budget: the last events of each source, and the whole path of recent events. */
import type { Event } from "../core/event.ts";
import { type LiveFacts, type LiveItem, messagesOf } from "../core/live.ts";

/** Of each source: for people who try a pipeline on what has just come in. */
export const RECENT_EVENTS = 20;
const MOST_SOURCES = 100;
/** Events whose path is known, and the characters of JSON that all of them may take. An object has 128 MB, and sockets need some. */
const MOST_PATHS = 2_000;
const MOST_CHARACTERS = 8_000_000;

interface Path {
  facts: LiveFacts | undefined;
  items: string[];
  characters: number;
}

export class LiveMemory {
  readonly #recent = new Map<string, Event[]>();
  readonly #paths = new Map<string, Path>();
  #characters = 0;

  /** `json` is the item's. */
  remember(item: LiveItem, json: string): void {
    if (item.kind === "processed" && item.receipt.integrations.length > 0) this.#addRecent(item.source_id, item.event);
    for (const id of messagesOf(item)) this.#addPath(id, item, json);
  }

  /** Newest first. */
  recent(sourceId: string, limit: number): Event[] {
    return (this.#recent.get(sourceId) ?? []).slice(-limit).reverse();
  }

  factsOf(messageId: string): LiveFacts | undefined {
    return this.#paths.get(messageId)?.facts;
  }

  /** Everything that was seen of an event, in order. */
  pathOf(messageId: string): LiveItem[] {
    return (this.#paths.get(messageId)?.items ?? []).map((json) => JSON.parse(json) as LiveItem);
  }

  #addRecent(sourceId: string, event: Event): void {
    const events = this.#recent.get(sourceId) ?? [];
    events.push(event);
    if (events.length > RECENT_EVENTS) events.shift();
    if (this.#recent.size < MOST_SOURCES) this.#recent.set(sourceId, events);
  }

  #addPath(id: string, item: LiveItem, json: string): void {
    const path = this.#paths.get(id) ?? { facts: undefined, items: [], characters: 0 };
    this.#paths.set(id, path);
    path.facts ??= factsIn(item);
    path.items.push(json);
    path.characters += json.length;
    this.#characters += json.length;
    while (this.#paths.size > MOST_PATHS || this.#characters > MOST_CHARACTERS) {
      const [oldest, { characters }] = this.#paths.entries().next().value!;
      this.#paths.delete(oldest);
      this.#characters -= characters;
    }
  }
}

function factsIn(item: LiveItem): LiveFacts | undefined {
  if (item.kind !== "received" && item.kind !== "processed") return undefined;
  const { type, anonymous_id, user_id } = item.event;
  return { source_id: item.source_id, type, anonymous_id, user_id };
}
