/** Runs `work` over the inputs, so many at a time. `work` must not throw: the others would go on unwatched. */
export async function inPool<T>(size: number, inputs: T[], work: (input: T) => Promise<void>): Promise<void> {
  const waiting = inputs.values();
  const worker = async () => {
    for (const input of waiting) await work(input);
  };
  await Promise.all(Array.from({ length: Math.min(size, inputs.length) }, worker));
}
