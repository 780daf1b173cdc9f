/** freePort: for those who have to be told where to listen. */
import * as Net from "node:net"

/** A port of 127.0.0.1 at which nobody listens now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = Net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as Net.AddressInfo
      server.close(() => resolve(port))
    })
  })
