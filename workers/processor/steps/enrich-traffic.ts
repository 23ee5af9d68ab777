import { channelOf } from "../../../core/acquisition/channels.ts";
import { campaignIn, clicksIn } from "../../../core/acquisition/landing.ts";
import { trafficSourceOf } from "../../../core/acquisition/traffic-source.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { keep, type Step } from "../step.ts";

/**
 * How the visitor came: `context.campaign` and `context.click_ids` from the page's address, where the client did not tell them, and
 * `context.traffic`: source, medium, term and channel, whatever the client wrote there. Nothing of it looks at the visitor's address.
 */
export const enrichTraffic: Step = {
  name: "enrich_traffic",
  run(event, { environment, source_id }) {
    const { traffic: isWanted, channels } = orgDataLayerOf(environment).enrichment;
    if (!isWanted) return keep(event);
    const { traffic: claimed, ...context } = event.context;
    const changed: string[] = [];
    const campaign = context.campaign ? undefined : campaignIn(context.page);
    if (campaign) {
      context.campaign = campaign;
      changed.push("context.campaign");
    }
    const click_ids = clicksIn(event.context);
    if (click_ids) {
      context.click_ids = click_ids;
      changed.push("context.click_ids");
    }
    const source = environment.sources.find(({ id }) => id === source_id);
    const from = trafficSourceOf(changed.length ? { ...event, context } : event, source?.linked_hosts);
    if (from) {
      context.traffic = { channel: channelOf(from, channels), ...from };
      changed.push("context.traffic");
    } else if (claimed !== undefined) {
      changed.push("context.traffic");
    }
    return changed.length ? keep({ ...event, context }, changed) : keep(event);
  },
};
