/** What the address of a page tells of the click that led to it: UTM parameters and click ids. */
import { clickIdsOf } from "../click-ids.ts";
import type { EventContext } from "../event.ts";

const UTM = /[?&#]utm_(?:source|medium|campaign|term|content|id)=/;
const NAMES: [parameter: string, field: string][] = [
  ["utm_source", "source"],
  ["utm_medium", "medium"],
  ["utm_campaign", "name"],
  ["utm_term", "term"],
  ["utm_content", "content"],
  ["utm_id", "id"],
];
/** Nobody's campaign has a longer name. */
const TEXT_LENGTH = 512;

/** `{source, medium, name, term, content, id}` as far as the address tells them; undefined where it tells none. */
export function campaignIn(page: EventContext["page"]): Record<string, string> | undefined {
  const address = page?.search || page?.url;
  if (!address || !UTM.test(address)) return undefined;
  const query = new URLSearchParams(address.slice(address.search(/[?#]/) + 1).replace(/#/g, "&"));
  const campaign: Record<string, string> = {};
  for (const [parameter, field] of NAMES) {
    const value = query.get(parameter)?.trim();
    if (value) campaign[field] = value.slice(0, TEXT_LENGTH);
  }
  return Object.keys(campaign).length ? campaign : undefined;
}

/** Click ids in the page's address that the event does not carry yet; undefined where there are none. */
export function clicksIn(context: EventContext): Record<string, string> | undefined {
  const found = clickIdsOf(context);
  const carried = context.click_ids as Record<string, unknown> | undefined;
  return Object.keys(found).some((name) => carried?.[name] === undefined) ? found : undefined;
}
