import { WebSocket } from 'ws';

/** What ws gives as the code when no close frame was read. */
const NO_CLOSE_FRAME = 1006;

/** A socket that knows the code it was closed with here. */
export class ClosingSocket extends WebSocket {
  /** 0 until then. */
  #closedWith = 0;

  override close(code?: number, reason?: string | Buffer): void {
    this.#closedWith ||= code ?? 0;
    super.close(code, reason);
  }

  /**
   * The code to tell of its end, given the one that ws tells. The answer to a close is not read from whoever broke a
   * rule of frames, and may not come from others: then it is the code that we closed it with.
   */
  codeOfEnd(code: number): number {
    return code === NO_CLOSE_FRAME && this.#closedWith !== 0 ? this.#closedWith : code;
  }
}
