-- A day's exchange rates: one row, not one for each currency, because rows are what D1 bills.
CREATE TABLE currency_rates (
  environment_id TEXT NOT NULL REFERENCES environments (id),
  date TEXT NOT NULL,
  base TEXT NOT NULL,
  rates TEXT NOT NULL,
  PRIMARY KEY (environment_id, date)
) WITHOUT ROWID;
