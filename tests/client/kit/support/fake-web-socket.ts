interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly payload?: Record<string, unknown>;
}

/** A WebSocket class whose other end is the test. */
export function createFakeWebSocket() {
  const sockets: FakeSocket[] = [];

  class FakeSocket {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSING = 2;
    static readonly CLOSED = 3;
    readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CLOSING = 2;
    readonly CLOSED = 3;
    readyState = 0;
    readonly frames: Frame[] = [];
    onopen: (() => unknown) | null = null;
    onclose: ((event: unknown) => unknown) | null = null;
    onerror: ((event: unknown) => unknown) | null = null;
    onmessage: ((event: { data: string }) => unknown) | null = null;

    constructor() {
      sockets.push(this);
    }

    send(text: string): void {
      this.frames.push(JSON.parse(text) as Frame);
    }

    close(code = 1000): void {
      this.end(code);
    }

    /** The server accepts the upgrade. */
    async accept(): Promise<void> {
      this.readyState = 1;
      await this.onopen?.();
    }

    async receive(frame: object): Promise<void> {
      this.onmessage?.({ data: JSON.stringify(frame) });
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }

    /** The server accepts the upgrade and takes the client in. */
    async welcome(visitor: string, token: string | null = null, expiresAt = '2026-02-01T00:00:00.000Z') {
      await this.accept();
      const payload = {
        visitor: { id: visitor, displayName: visitor },
        ...(token === null ? {} : { token, expiresAt }),
      };
      await this.receive({ type: 'connection_ack', payload });
    }

    /** The connection ends with this close code. */
    end(code: number): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose?.({ code, reason: '' });
    }

    /** The connection cannot be made, as a browser reports it. */
    refuse(): void {
      this.readyState = 3;
      this.onerror?.({ type: 'error' });
      this.onclose?.({ code: 1006, reason: '' });
    }
  }

  return { FakeSocket, sockets, last: () => sockets.at(-1)! };
}
