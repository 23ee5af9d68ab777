/** Sending to a queue with a limit on waiting: under load `send` has been seen to hang for a minute (workerd#6053). */

/**
 * Resolves when the queue has taken the message. One retry; throws when both tries failed or took over `timeoutMs` each.
 * A timeout means "maybe sent": whoever consumes the queue must bear to see the message twice.
 */
export async function sendInTime(send: () => Promise<unknown>, timeoutMs = 2_000): Promise<void> {
  try {
    await inTime(send(), timeoutMs);
  } catch {
    await inTime(send(), timeoutMs);
  }
}

function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  // The timer is never cleared: it ends with the request or batch that it belongs to, and clearing it costs more than setting it.
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`the queue did not answer within ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([promise, late]);
}
