import type { Example } from "../destination.ts";
import { given } from "./example-events.ts";
import type { MixpanelSettings } from "./mixpanel.ts";

const browser = {
  ip: "203.0.113.7",
  $current_url: "https://shop.example/hats",
  $referrer: "https://www.example.org/",
  current_page_title: "Hats",
};
/** What every event below says, but for its own. */
const sent = {
  time: 1_795_168_800_000,
  distinct_id: "$device:a1",
  $insert_id: "m1",
  $device_id: "a1",
  mp_lib: "millrace",
};

export const mixpanelExamples: Example<MixpanelSettings>[] = [
  {
    title: "a page is Viewed Page",
    in: given.page,
    out: { kind: "event", event: "Viewed Page", properties: { ...browser, ...sent, name: "Hats" } },
  },
  {
    title: "an event keeps its name and everything that it says",
    in: given.own,
    out: {
      kind: "event",
      event: "Quiz finished",
      properties: { ...browser, ...sent, score: 7, email: "Jane.Doe+hats@Example.com", answers: ["a"] },
    },
  },
  {
    title: "Order Completed with its products; $insert_id is what Mixpanel tells repetitions by",
    in: given.order,
    out: {
      kind: "event",
      event: "Order Completed",
      properties: {
        ...browser,
        ...sent,
        order_id: "o-1",
        total: 56.5,
        revenue: 49,
        currency: "eur",
        products: [
          { product_id: "hat-1", name: "Bowler", brand: "Lock", category: "Hats", price: 19.5, quantity: 2 },
          { sku: "hat-2", name: "Cap", price: "10" },
        ],
      },
    },
  },
  {
    title: "from a server",
    in: given.fromServer,
    out: {
      kind: "event",
      event: "Order Completed",
      properties: { ...sent, order_id: "o-1", revenue: 49, currency: "EUR" },
    },
  },
  {
    title: "a user beside their device: Mixpanel joins the two",
    in: { ...given.searched, user_id: "User-1" },
    out: {
      kind: "event",
      event: "Products Searched",
      properties: {
        ...browser,
        query: "bowler hat",
        time: 1_795_168_800_000,
        distinct_id: "User-1",
        $insert_id: "m1",
        $device_id: "a1",
        $user_id: "User-1",
        mp_lib: "millrace",
      },
    },
  },
  {
    title: "a message_id of another form is told by its hash",
    in: { ...given.searched, message_id: "Bestellung №5" },
    out: {
      kind: "event",
      event: "Products Searched",
      properties: {
        ...browser,
        query: "bowler hat",
        time: 1_795_168_800_000,
        distinct_id: "$device:a1",
        $insert_id: "76bf4d0974c8ce3c3d80dc2e57e38e126719",
        $device_id: "a1",
        mp_lib: "millrace",
      },
    },
  },
  {
    title: "an identify sets the profile",
    in: given.identify,
    out: {
      kind: "profile",
      $distinct_id: "User-1",
      $ip: "203.0.113.7",
      $set: {
        plan: "Pro",
        age: 36,
        $email: "Jane.Doe+hats@Example.com",
        $phone: "+44 (0)20 7946 0958",
        $first_name: "Jane",
      },
    },
  },
  {
    title: "a profile with everything that Mixpanel knows by name",
    in: {
      ...given.identify,
      traits: {
        name: "Jane Doe",
        email: "jane@example.com",
        createdAt: "2026-01-02T03:04:05Z",
        avatar: "https://shop.example/jane.png",
        beta: true,
      },
    },
    out: {
      kind: "profile",
      $distinct_id: "User-1",
      $ip: "203.0.113.7",
      $set: {
        beta: true,
        $email: "jane@example.com",
        $name: "Jane Doe",
        $avatar: "https://shop.example/jane.png",
        $created: "2026-01-02T03:04:05Z",
      },
    },
  },
  {
    title: "an event of somebody in a group, under the key that the setting names",
    settings: { group_key: "company_id" },
    in: { ...given.searched, group_id: "g1" },
    out: {
      kind: "event",
      event: "Products Searched",
      properties: { ...browser, ...sent, query: "bowler hat", company_id: "g1" },
    },
  },
  {
    title: "the campaign and the device",
    in: {
      ...given.searched,
      context: {
        campaign: { source: "news", name: "spring" },
        browser: { name: "Chrome", version: "136" },
        os: { name: "Linux" },
        screen: { width: 1920, height: 1080 },
        location: { city: "Munich", country: "DE" },
      },
    },
    out: {
      kind: "event",
      event: "Products Searched",
      properties: {
        ...sent,
        query: "bowler hat",
        $browser: "Chrome",
        $browser_version: "136",
        $os: "Linux",
        $screen_width: 1920,
        $screen_height: 1080,
        $city: "Munich",
        mp_country_code: "DE",
        utm_source: "news",
        utm_campaign: "spring",
      },
    },
  },
  {
    title: "another name as the setting says",
    settings: { events: { page: "Page Seen" } },
    in: given.page,
    out: { kind: "event", event: "Page Seen", properties: { ...browser, ...sent, name: "Hats" } },
  },
  {
    title: "what is old counts all the same",
    in: given.old,
    out: {
      kind: "event",
      event: "Order Completed",
      properties: {
        ...browser,
        order_id: "o-1",
        time: 1_786_528_800_000,
        distinct_id: "$device:a1",
        $insert_id: "m1",
        $device_id: "a1",
        mp_lib: "millrace",
      },
    },
  },
  {
    title: "a profile of nobody",
    in: { ...given.identify, user_id: undefined },
    out: { skip: "missing_field", detail: "a profile needs a user_id: of visitors Mixpanel keeps none" },
  },
  {
    title: "an id that tells of a mistake",
    in: { ...given.searched, user_id: "null" },
    out: { skip: "invalid_value", detail: 'Mixpanel takes "null" for nobody\'s id' },
  },
  {
    title: "a group call",
    in: given.group,
    out: {
      skip: "event_not_mapped",
      detail: "Mixpanel joins devices and users by itself, and has groups in the events",
    },
  },
  {
    title: "what happens in an hour has not happened",
    in: given.ahead,
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
