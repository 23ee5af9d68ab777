/** What brought somebody: of an event with a campaign, or of a view. */
import type { Campaign, Visit } from "./session.ts";
import { defined } from "./values.ts";

/** Pages are without their query. */
export interface Touch {
  campaign?: Omit<Campaign, "key">;
  referrer?: string;
  page?: string;
  /** By a campaign, a click on an ad, or a link on another host; not typed in, and not from page to page. */
  is_referred?: true;
}

/** The earliest touch of a visitor, and the message that brought it. `at`: epoch milliseconds. */
export interface FirstTouch {
  at: number;
  message_id: string;
  touch: Touch;
}

export function touchOfVisit({ kind, campaign, referrer, page, is_linked }: Visit): Touch | undefined {
  if (kind !== "view" && !campaign) return undefined;
  const { key: _, ...named } = campaign ?? { key: "" };
  return {
    ...defined({ referrer, page }),
    ...(campaign && { campaign: named }),
    ...((campaign || is_linked) && { is_referred: true as const }),
  };
}

/** The earlier of the two; of two at one time that of the lesser message_id, so that no order of arrival plays a part. */
export function earlierTouch(one: FirstTouch, other: FirstTouch | undefined): FirstTouch {
  if (!other || one.at !== other.at) return !other || one.at < other.at ? one : other;
  return one.message_id < other.message_id ? one : other;
}
