import type { Example } from "../destination.ts";
import { given } from "./example-events.ts";
import type { SlackSettings } from "./slack.ts";

export const slackExamples: Example<SlackSettings>[] = [
  { title: "an order, in the customer's words", in: given.order, out: { text: "Order o-1: 49 eur" } },
  {
    title: "a sign-up, by the traits",
    in: given.signedUp,
    out: { text: ":tada: Jane.Doe+hats@Example.com signed up" },
  },
  {
    title: "what an event does not say is left empty",
    in: { ...given.order, properties: { order_id: "o-1" } },
    out: { text: "Order o-1:  " },
  },
  {
    title: "no visitor writes markup: not a link, not a shout to the channel",
    in: {
      ...given.order,
      properties: { order_id: "<!channel> & <http://evil.example|free>", revenue: 1, currency: "EUR" },
    },
    out: { text: "Order &lt;!channel&gt; &amp; &lt;http://evil.example|free&gt;: 1 EUR" },
  },
  {
    title: "any event by its name",
    settings: { messages: { "Quiz finished": "{{ anonymous_id }} scored {{properties.score}}" } },
    in: given.own,
    out: { text: "a1 scored 7" },
  },
  {
    title: "a page",
    settings: { messages: { page: "Somebody looks at {{context.page.title}}" } },
    in: given.page,
    out: { text: "Somebody looks at Hats" },
  },
  {
    title: "an identify",
    settings: { messages: { identify: "{{user_id}} is on {{traits.plan}}" } },
    in: given.identify,
    out: { text: "User-1 is on Pro" },
  },
  {
    title: "a group call",
    settings: { messages: { group: "{{traits.name}} joined as {{group_id}}" } },
    in: given.group,
    out: { text: "Hatters joined as g1" },
  },
  {
    title: "numbers and booleans are written out",
    settings: { messages: { "Quiz finished": "{{properties.score}} {{properties.passed}}" } },
    in: { ...given.own, properties: { score: 7, passed: true } },
    out: { text: "7 true" },
  },
  {
    title: "objects and lists are not",
    settings: { messages: { "Quiz finished": "score {{properties.score}} {{properties.answers}}{{context.page}}" } },
    in: given.own,
    out: { text: "score 7 " },
  },
  {
    title: "nothing that JavaScript gives to every object",
    settings: { messages: { "Quiz finished": "x{{constructor.name}}{{properties.toString}}" } },
    in: given.own,
    out: { text: "x" },
  },
  {
    title: "the customer's own markup stays",
    settings: { messages: { "Quiz finished": "<!here> *done*" } },
    in: given.own,
    out: { text: "<!here> *done*" },
  },
  {
    title: "an event without a message is not sent",
    in: given.viewed,
    out: { skip: "event_not_mapped", detail: 'no message is written for "Product Viewed"' },
  },
  {
    title: "a message that would be empty is not sent",
    settings: { messages: { "Quiz finished": "{{properties.missing}}" } },
    in: given.own,
    out: { skip: "missing_field", detail: "the event has nothing of what the message would tell" },
  },
];
