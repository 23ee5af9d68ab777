import { useVirtualizer } from "@tanstack/react-virtual";
import { clsx } from "clsx";
import { type ReactNode, useRef } from "react";

export interface Column<T> {
  head: string;
  cell(row: T): ReactNode;
  /** A CSS grid track; absent: an equal share. */
  width?: string;
  align?: "right";
  /** Left out on a phone. */
  wideOnly?: boolean;
}

interface TableProps<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  keyOf(row: T): string;
  /** Opens the row. Its first cell then is a button, so that the keyboard finds it. */
  onOpen?: ((row: T) => void) | undefined;
  /** Pixels; more rows than fit scroll, and only those that are seen are drawn. */
  maxHeight?: number;
}

const ROW_PX = 48;

/** Rows of one height, drawn only where they are seen: ten thousand cost what thirty do. */
export function Table<T>({ label, columns, rows, keyOf, onOpen, maxHeight = 620 }: TableProps<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    getItemKey: (index) => keyOf(rows[index]!),
    initialRect: { width: 800, height: maxHeight },
  });
  const wide = columns.map(({ width }) => width ?? "minmax(0,1fr)").join(" ");
  const narrow = columns
    .filter(({ wideOnly }) => !wideOnly)
    .map(({ width }) => width ?? "minmax(0,1fr)")
    .join(" ");
  const tracks = { "--wide": wide, "--narrow": narrow } as React.CSSProperties;
  const line =
    "grid items-center gap-4 px-5 [grid-template-columns:var(--narrow)] md:[grid-template-columns:var(--wide)]";
  const place = (column: Column<T>) =>
    clsx("min-w-0 truncate", column.align === "right" && "text-right tabular-nums", column.wideOnly && "max-md:hidden");
  return (
    // biome-ignore-start lint/a11y/useSemanticElements: rows are placed by hand, which no browser does with a <table>
    <div role="table" aria-label={label} aria-rowcount={rows.length + 1} style={tracks}>
      <div role="rowgroup" className="border-b bg-sunken/50">
        <div role="row" tabIndex={-1} className={clsx(line, "h-9 text-xs font-medium text-soft")}>
          {columns.map((column) => (
            <div key={column.head} role="columnheader" tabIndex={-1} className={place(column)}>
              {column.head}
            </div>
          ))}
        </div>
      </div>
      <div
        ref={scroller}
        role="rowgroup"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it with the keys
        tabIndex={0}
        aria-label={`${label}, rows`}
        className="overflow-y-auto"
        style={{ maxHeight }}
      >
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, key, start }) => {
            const row = rows[index]!;
            return (
              <div
                key={key}
                role="row"
                tabIndex={-1}
                aria-rowindex={index + 2}
                className={clsx(line, "absolute inset-x-0 top-0 border-b", onOpen && "hover:bg-sunken/60")}
                style={{ height: ROW_PX, transform: `translateY(${start}px)` }}
              >
                {columns.map((column, i) => (
                  <div key={column.head} role="cell" dir="auto" className={place(column)}>
                    {i === 0 && onOpen ? (
                      <button
                        type="button"
                        className="block w-full truncate text-start font-medium after:absolute after:inset-0"
                        onClick={() => onOpen(row)}
                      >
                        {column.cell(row)}
                      </button>
                    ) : (
                      column.cell(row)
                    )}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
    // biome-ignore-end lint/a11y/useSemanticElements: see above
  );
}
