/** What was opened, to be closed in reverse order. */
export interface Disposer {
  /** Remembers how to close something that was just opened. */
  add(name: string, close: () => void | Promise<void>): void;
  /**
   * Closes everything, the newest first, each after the one before it has ended. A failure is passed to
   * `onError` and the rest is closed all the same. A second call waits for the first and does nothing more.
   */
  dispose(): Promise<void>;
}

export function createDisposer(onError: (name: string, error: unknown) => void): Disposer {
  const opened: { name: string; close: () => void | Promise<void> }[] = [];
  let disposed: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    for (let entry = opened.pop(); entry !== undefined; entry = opened.pop()) {
      try {
        await entry.close();
      } catch (error) {
        onError(entry.name, error);
      }
    }
  }

  return {
    add(name, close) {
      opened.push({ name, close });
    },
    dispose: () => (disposed ??= closeAll()),
  };
}
