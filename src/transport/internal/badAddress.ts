import type * as Address from "../../protocol/Address.ts"

/** What is wrong with an address, whatever it is for; the lowest port is 0 where any free one will do. */
export const describeBadAddress = (address: Address.Address, minimumPort: number): string | undefined => {
  if (address.host === "") {
    return "The host is empty. Give an IP address or a name."
  }
  if (!Number.isInteger(address.port) || address.port < minimumPort || address.port > 65535) {
    return `The port is ${address.port}. Give a whole number from ${minimumPort} to 65535.`
  }
}
