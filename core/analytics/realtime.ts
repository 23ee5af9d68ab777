/** Who is there now: visitors with an event in the last five minutes, by where they are and how they came. */
import * as z from "zod";

export const NOW_MS = 5 * 60_000;
export const REALTIME_LISTS = ["pages", "sources", "countries"] as const;
type List = (typeof REALTIME_LISTS)[number];

/** A shard's part, or the whole. Each list: visitors by what it is of, "" where it is not known. */
export interface Present extends Record<List, { name: string; visitors: number }[]> {
  visitors: number;
}

export const realtimeLimit = z.coerce.number().int().min(1).max(1_000).default(20);

/** Takes one visitor after another: the newest of their sessions. */
export class PresentCount {
  #visitors = 0;
  readonly #counts = {
    pages: new Map<string, number>(),
    sources: new Map<string, number>(),
    countries: new Map<string, number>(),
  };

  add({
    page = "",
    source = "",
    country = "",
  }: {
    page?: string | undefined;
    source?: string | undefined;
    country?: string | undefined;
  }): void {
    this.#visitors++;
    countOne(this.#counts.pages, page);
    countOne(this.#counts.sources, source);
    countOne(this.#counts.countries, country);
  }

  get part(): Present {
    const { pages, sources, countries } = this.#counts;
    return {
      visitors: this.#visitors,
      pages: listed(pages),
      sources: listed(sources),
      countries: listed(countries),
    };
  }
}

/** The first `limit` of each list, those with most visitors first. A visitor is in one shard only, so parts add up. */
export function presentOf(parts: Present[], limit: number): Present {
  const listOf = (list: List) => {
    const all = new Map<string, number>();
    for (const part of parts) for (const { name, visitors } of part[list]) countOne(all, name, visitors);
    return listed(all)
      .sort((a, b) => b.visitors - a.visitors || (a.name < b.name ? -1 : 1))
      .slice(0, limit);
  };
  return {
    visitors: parts.reduce((sum, { visitors }) => sum + visitors, 0),
    pages: listOf("pages"),
    sources: listOf("sources"),
    countries: listOf("countries"),
  };
}

function countOne(counts: Map<string, number>, name: string, more = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + more);
}

const listed = (counts: Map<string, number>) => [...counts].map(([name, visitors]) => ({ name, visitors }));
