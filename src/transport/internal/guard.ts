import type * as Net from "node:net"

export const asError = (cause: unknown): Error => cause instanceof Error ? cause : new Error(String(cause))

/** A listener of a socket: what it throws ends the socket, whose user hears of it as an "error", and not the process. */
export const guard =
  <Args extends ReadonlyArray<unknown>>(socket: Net.Socket, listener: (...args: Args) => void) =>
  (...args: Args): void => {
    try {
      listener(...args)
    } catch (cause) {
      // An "error" that nobody listens to would end the process as well.
      socket.destroy(socket.listenerCount("error") === 0 ? undefined : asError(cause))
    }
  }
