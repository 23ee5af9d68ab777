import { convert } from "../../../core/money/currency-conversion.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { keep, type Step } from "../step.ts";

/** The event's amounts in the organisation's currency, as `context.money`. What was sent stays as it is. */
export const convertCurrency: Step = {
  name: "convert_currency",
  run(event, { environment, rates }) {
    const { currency } = orgDataLayerOf(environment).enrichment;
    if (!currency) return keep(event);
    const money = convert(event, currency, rates);
    if (!money) return keep(event);
    return keep({ ...event, context: { ...event.context, money } }, ["context.money"]);
  },
};
