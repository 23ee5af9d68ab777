import { CLICK_IDS } from "../core/click-ids.ts";
import { visit } from "./storage.ts";

const UTM = ["source", "medium", "campaign", "term", "content", "id"];

type Values = Record<string, string>;

/**
 * Reads where the visitor came from out of the current URL and keeps it for the visit, so that a purchase five pages later
 * still carries it. A new campaign replaces the previous one; click ids belong to different vendors, so they add up.
 */
export function readLanding(): void {
  const { campaign: name, ...utm } = parameters("utm_", UTM);
  keep("campaign", name ? { ...utm, name } : utm);
  keep("click_ids", { ...landing().click_ids, ...parameters("", CLICK_IDS) });
}

export function landing(): { campaign: Values | undefined; click_ids: Values | undefined } {
  return { campaign: visit.get("campaign"), click_ids: visit.get("click_ids") };
}

export function forgetLanding(): void {
  visit.set("campaign");
  visit.set("click_ids");
}

function keep(key: string, values: Values): void {
  if (Object.keys(values).length) visit.set(key, values);
}

function parameters(prefix: string, names: readonly string[]): Values {
  const query = new URLSearchParams(location.search);
  const values: Values = {};
  for (const name of names) {
    const value = query.get(prefix + name);
    if (value) values[name] = value;
  }
  return values;
}
