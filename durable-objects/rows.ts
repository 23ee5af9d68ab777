/** A row takes 2 MB; what is larger than this is split over several. Bytes of UTF-8. */
export const ROW_BYTES = 1_000_000;

/** Cuts what is to be stored into rows of at most ROW_BYTES and `most` things; one thing that is larger gets a row to itself. */
export function* rows<T>(all: T[], bytesOf: (one: T) => number, most = Number.POSITIVE_INFINITY): Generator<T[]> {
  let row: T[] = [];
  let bytes = 0;
  for (const one of all) {
    const more = bytesOf(one);
    if (row.length && (bytes + more > ROW_BYTES || row.length === most)) {
      yield row;
      row = [];
      bytes = 0;
    }
    row.push(one);
    bytes += more;
  }
  if (row.length) yield row;
}

export const utf8Length = (text: string) => Buffer.byteLength(text, "utf8");
