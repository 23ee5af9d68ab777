import { keep, type Step } from "../step.ts";

/** What the door saw, where the event does not say it itself: address, user agent, language, cookies' vendor ids. */
export const addRequestFacts: Step = {
  name: "add_request_facts",
  run(event, { request, vendor_ids }) {
    const changed: string[] = [];
    const context = { ...event.context };
    const fill = <K extends "ip" | "user_agent" | "locale" | "timezone">(key: K, value: string | undefined) => {
      if (context[key] !== undefined || value === undefined) return;
      context[key] = value;
      changed.push(`context.${key}`);
    };
    fill("ip", request.ip);
    fill("user_agent", request.user_agent);
    fill("locale", request.language);
    fill("timezone", request.timezone);
    if (request.client_hints && context.client_hints === undefined) {
      context.client_hints = request.client_hints;
      changed.push("context.client_hints");
    }
    if (Object.keys(vendor_ids).some((id) => context.vendor_ids?.[id] === undefined)) {
      context.vendor_ids = { ...vendor_ids, ...context.vendor_ids };
      changed.push("context.vendor_ids");
    }
    return changed.length ? keep({ ...event, context }, changed) : keep(event);
  },
};
