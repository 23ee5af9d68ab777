/** What the shop sells. Prices are in cents and include VAT; `art` is drawn inside a 240 × 180 viewBox. */
export const BRAND = "Mill & Race";

export const PRODUCTS = [
  {
    sku: "NB-A5",
    name: "Mill notebook, A5",
    category: "Notebooks",
    price: 1800,
    about: "160 pages of 100 g paper that takes ink well, sewn so that it lies flat, in a cover of bookbinder's linen.",
    art: `<rect width="240" height="180" fill="#dfe5da"/><g transform="rotate(-6 120 90)"><rect x="76" y="28" width="92" height="126" rx="4" fill="#3f5247"/><rect x="76" y="28" width="14" height="126" rx="4" fill="#33443b"/><rect x="106" y="52" width="46" height="26" fill="#f6f1e7"/><path d="M114 61h30M114 69h20" stroke="#3f5247" stroke-width="2"/><path d="M158 28v126" stroke="#b4532a" stroke-width="3"/></g>`,
  },
  {
    sku: "NB-PK3",
    name: "Race pocket notebooks, set of 3",
    category: "Notebooks",
    price: 1450,
    about: "Three thin ones for a coat pocket: plain, ruled and dotted. 48 pages each, stapled, round at the corners.",
    art: `<rect width="240" height="180" fill="#efdccb"/><g transform="rotate(10 120 90)"><rect x="96" y="36" width="74" height="104" rx="7" fill="#7b8f9c"/></g><rect x="84" y="38" width="74" height="104" rx="7" fill="#b4532a"/><g transform="rotate(-11 110 90)"><rect x="70" y="40" width="74" height="104" rx="7" fill="#22313f"/><path d="M86 70h42M86 80h42M86 90h26" stroke="#efdccb" stroke-width="2"/></g>`,
  },
  {
    sku: "LP-50",
    name: "Laid letter paper, 50 sheets",
    category: "Letters",
    price: 2200,
    about: "Made on our own machine, with the fine ribs of a laid mould and a watermark of the water wheel.",
    art: `<rect width="240" height="180" fill="#d9dee2"/><g fill="#fdfbf6" stroke="#c9c0ae"><rect x="86" y="32" width="90" height="122" transform="rotate(7 130 90)"/><rect x="78" y="30" width="90" height="122" transform="rotate(2 120 90)"/><rect x="70" y="30" width="90" height="122"/></g><path d="M82 52h52M82 66h64M82 78h60M82 90h64M82 102h40" stroke="#7b8f9c" stroke-width="2"/><path d="M118 128q10-12 16 0t18-4" stroke="#22313f" stroke-width="2" fill="none"/>`,
  },
  {
    sku: "CD-10",
    name: "Deckle cards with envelopes, 10",
    category: "Letters",
    price: 1600,
    about:
      "Thick cotton cards with a torn edge, and ten envelopes lined in moss green. For the notes that people keep.",
    art: `<rect width="240" height="180" fill="#f0e4c8"/><rect x="86" y="34" width="104" height="76" fill="#fffdf8" stroke="#d8cbb0" transform="rotate(5 130 70)"/><g transform="rotate(-4 110 110)"><rect x="52" y="68" width="124" height="82" fill="#fbf6ea" stroke="#d8cbb0"/><path d="M52 68l62 48 62-48z" fill="#5b6b4e"/><circle cx="114" cy="112" r="9" fill="#b4532a"/></g>`,
  },
  {
    sku: "PN-BR",
    name: "Brass pencil",
    category: "Desk",
    price: 3900,
    about:
      "A 2 mm lead holder turned from one bar of brass. Heavy at first, then missed when it is not in your pocket.",
    art: `<rect width="240" height="180" fill="#d6dfdd"/><g transform="rotate(-28 120 90)"><rect x="34" y="82" width="146" height="15" rx="3" fill="#c79a3b"/><rect x="34" y="82" width="146" height="5" rx="2" fill="#e0bd6d"/><path d="M180 82l26 7.5-26 7.5z" fill="#a57c28"/><path d="M202 88.5l10 1-10 1z" fill="#22313f"/><rect x="34" y="80" width="12" height="19" rx="3" fill="#a57c28"/><path d="M60 82v15M66 82v15M72 82v15" stroke="#a57c28" stroke-width="2"/></g>`,
  },
  {
    sku: "WP-03",
    name: "Weir wrapping paper, 3 sheets",
    category: "Wrapping",
    price: 900,
    about: "Block-printed waves, 50 × 70 cm, strong enough to be folded again and used for the next birthday.",
    art: `<defs><pattern id="waves" width="24" height="12" patternUnits="userSpaceOnUse"><path d="M0 6q6-8 12 0t12 0" fill="none" stroke="#f6f1e7" stroke-width="2"/></pattern></defs><rect width="240" height="180" fill="#e8d5cf"/><g transform="rotate(-14 120 90)"><rect x="44" y="50" width="152" height="34" rx="17" fill="#22313f"/><rect x="44" y="50" width="152" height="34" rx="17" fill="url(#waves)"/><ellipse cx="190" cy="67" rx="7" ry="17" fill="#f6f1e7"/><rect x="54" y="92" width="152" height="34" rx="17" fill="#b4532a"/><rect x="54" y="92" width="152" height="34" rx="17" fill="url(#waves)"/><ellipse cx="200" cy="109" rx="7" ry="17" fill="#f6f1e7"/></g>`,
  },
];

export const productOf = (sku) => PRODUCTS.find((product) => product.sku === sku) ?? PRODUCTS[0];
