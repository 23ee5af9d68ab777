import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { LinkedinSettings } from "./linkedin.ts";

/** What an order has, but for its value and its person. */
const sent = {
  conversion: "urn:lla:llaPartnerConversion:104012",
  conversionHappenedAt: 1_795_168_800_000,
  eventId: "m1",
};

export const linkedinExamples: Example<LinkedinSettings>[] = [
  {
    title: "an order by the click's cookie; eventId is what LinkedIn tells repetitions by",
    in: withIds(given.order, { li_fat_id: "9c1b1b1e-3b1a-4f0c-8a6e-0e2d4c6b8a10" }),
    out: {
      ...sent,
      conversionValue: { currencyCode: "EUR", amount: "49" },
      user: {
        userIds: [
          { idType: "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", idValue: "9c1b1b1e-3b1a-4f0c-8a6e-0e2d4c6b8a10" },
        ],
      },
    },
  },
  {
    title: "an order by the e-mail address",
    in: given.fromServer,
    out: {
      ...sent,
      conversionValue: { currencyCode: "EUR", amount: "49" },
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        ],
      },
    },
  },
  {
    title: "the cookie and the e-mail together, and the customer's id",
    in: { ...withIds(given.lead, { li_fat_id: "9c1b1b1e-3b1a-4f0c-8a6e-0e2d4c6b8a10" }), user_id: "User-1" },
    out: {
      conversion: "urn:lla:llaPartnerConversion:104014",
      conversionHappenedAt: 1_795_168_800_000,
      eventId: "m1",
      conversionValue: { currencyCode: "USD", amount: "25" },
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
          { idType: "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", idValue: "9c1b1b1e-3b1a-4f0c-8a6e-0e2d4c6b8a10" },
        ],
        externalIds: ["User-1"],
      },
    },
  },
  {
    title: "the click of this visit before the cookie's",
    in: withIds(
      given.order,
      { li_fat_id: "9c1b1b1e-3b1a-4f0c-8a6e-0e2d4c6b8a10" },
      { li_fat_id: "11111111-2222-4333-8444-555555555555" },
    ),
    out: {
      ...sent,
      conversionValue: { currencyCode: "EUR", amount: "49" },
      user: {
        userIds: [
          { idType: "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", idValue: "11111111-2222-4333-8444-555555555555" },
        ],
      },
    },
  },
  {
    title: "a sign-up; no name goes to LinkedIn unless the customer says so",
    in: given.signedUp,
    out: {
      conversion: "urn:lla:llaPartnerConversion:104013",
      conversionHappenedAt: 1_795_168_800_000,
      eventId: "m1",
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        ],
        externalIds: ["User-1"],
      },
    },
  },
  {
    title: "name and country where the customer says so",
    settings: { send_name: true },
    in: given.signedUp,
    out: {
      conversion: "urn:lla:llaPartnerConversion:104013",
      conversionHappenedAt: 1_795_168_800_000,
      eventId: "m1",
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        ],
        userInfo: { firstName: "Jane", lastName: "Van Doe", countryCode: "US" },
        externalIds: ["User-1"],
      },
    },
  },
  {
    title: "a name alone is enough",
    settings: { send_name: true },
    in: {
      ...given.fromServer,
      context: { traits: { first_name: "Jane", last_name: "Doe", title: "Hatter", company: { name: "Lock" } } },
    },
    out: {
      ...sent,
      conversionValue: { currencyCode: "EUR", amount: "49" },
      user: { userIds: [], userInfo: { firstName: "Jane", lastName: "Doe", companyName: "Lock", title: "Hatter" } },
    },
  },
  {
    title: "a lead with its worth",
    in: given.lead,
    out: {
      conversion: "urn:lla:llaPartnerConversion:104014",
      conversionHappenedAt: 1_795_168_800_000,
      eventId: "m1",
      conversionValue: { currencyCode: "USD", amount: "25" },
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        ],
      },
    },
  },
  {
    title: "an identify that is a conversion",
    settings: { rules: { identify: "104015" } },
    in: given.identify,
    out: {
      conversion: "urn:lla:llaPartnerConversion:104015",
      conversionHappenedAt: 1_795_168_800_000,
      eventId: "m1",
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        ],
        externalIds: ["User-1"],
      },
    },
  },
  {
    title: "a page that is a conversion",
    settings: { rules: { page: "104016" } },
    in: { ...given.page, context: { ...given.page.context, traits: { email: "jane@example.com" } } },
    out: {
      conversion: "urn:lla:llaPartnerConversion:104016",
      conversionHappenedAt: 1_795_168_800_000,
      eventId: "m1",
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d" },
        ],
      },
    },
  },
  {
    title: "a value without a currency is left out",
    in: { ...given.priceless, context: { traits: { email: "jane@example.com" } } },
    out: {
      ...sent,
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d" },
        ],
      },
    },
  },
  {
    title: "an order of two months ago counts",
    in: { ...given.fromServer, timestamp: "2026-09-20T10:00:00.000Z" },
    out: {
      conversion: "urn:lla:llaPartnerConversion:104012",
      conversionHappenedAt: 1_789_898_400_000,
      eventId: "m1",
      conversionValue: { currencyCode: "EUR", amount: "49" },
      user: {
        userIds: [
          { idType: "SHA256_EMAIL", idValue: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        ],
      },
    },
  },
  {
    title: "an event without a rule is not sent",
    in: given.viewed,
    out: { skip: "event_not_mapped", detail: 'no conversion rule is set for "Product Viewed"' },
  },
  {
    title: "an event of nobody matches nobody",
    in: given.order,
    out: {
      skip: "missing_field",
      detail: "LinkedIn needs an e-mail, the cookie li_fat_id, or (with send_name) a first and a last name",
    },
  },
  {
    title: "what happened over 90 days ago is too old",
    in: given.old,
    out: { skip: "too_old", detail: "happened 2026-08-12T10:00:00.000Z, over 2160 h before it arrived" },
  },
  {
    title: "what happens in an hour has not happened",
    in: given.ahead,
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
