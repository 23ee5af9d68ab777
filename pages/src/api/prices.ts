export interface ListPrices {
  /** US dollars for a million events that come in, are kept and are counted. */
  events: number;
  /** What each destination adds for a million events. */
  deliveries: number;
  /** The month of the price list. */
  as_of: string;
}
