/**
 * Streams: what becomes of all that a client says over a socket, as bytes, in the hands of somebody who means ill, by
 * chance from a seed.
 *
 * A stream is a row of units: frames behind their lengths, or records of TLS (RFC 8446, section 5.1). Units are
 * dropped, repeated, put in another order and put in anew; their headers and the lengths within the first of TLS are
 * changed; or bytes are, wherever they stand. Then it is said in pieces.
 */
import type { Rng } from "../../src/simulation/Rng.ts"
import { encodeFrames } from "../../src/transport/Framing.ts"
import * as Mutation from "./Mutation.ts"
import type * as Samples from "./Samples.ts"

/** What is said, and how it came about. */
export interface Stream {
  readonly how: string
  readonly bytes: Uint8Array
}

/** What a well-behaved client has said, and what one says that takes the Node for one of another kind. */
export interface Recorded {
  readonly own: Uint8Array
  readonly other: Uint8Array
}

/** Where the other kind is the one that is spoken. */
export const swap = ({ other, own }: Recorded): Recorded => ({ own: other, other: own })

// -----------------------------------------------------------------------------
// units
// -----------------------------------------------------------------------------

/** What TLS says first begins with this byte. */
const handshakeRecord = 0x16

export const isTls = (bytes: Uint8Array): boolean => bytes[0] === handshakeRecord

export interface Field {
  readonly at: number
  readonly size: number
}

const lengthOf = (bytes: Uint8Array): Field => isTls(bytes) ? { at: 3, size: 2 } : { at: 0, size: 4 }

const read = (bytes: Uint8Array, { at, size }: Field): number => {
  let value = 0
  for (let index = at; index < at + size; index++) value = value * 256 + (bytes[index] ?? 0)
  return value
}

const write = (bytes: Uint8Array, { at, size }: Field, value: number): void => {
  let left = value
  for (let index = at + size - 1; index >= at; index--) {
    bytes[index] = left % 256
    left = Math.floor(left / 256)
  }
}

/** Cuts a stream where its headers say. */
export const unitsOf = (bytes: Uint8Array): Array<Uint8Array> => {
  const { at, size } = lengthOf(bytes)
  const units: Array<Uint8Array> = []
  for (let from = 0; from < bytes.length;) {
    const to = from + at + size + read(bytes, { at: from + at, size })
    units.push(bytes.subarray(from, to))
    from = to
  }
  return units
}

/** Where the lengths stand in a ClientHello, the record's own included (RFC 8446, section 4.1.2). */
export const lengthsOf = (hello: Uint8Array): ReadonlyArray<Field> => {
  const fields: Array<Field> = [{ at: 3, size: 2 }, { at: 6, size: 3 }]
  // Behind the headers, the version and the random bytes: session, suites, methods of compression.
  let at = 5 + 4 + 2 + 32
  for (const size of [1, 2, 1]) {
    fields.push({ at, size })
    at += size + read(hello, { at, size })
  }
  fields.push({ at, size: 2 })
  for (at += 2; at + 4 <= hello.length; at += 4 + read(hello, { at: at + 2, size: 2 })) {
    // Most extensions begin with the length of a list.
    fields.push({ at: at + 2, size: 2 }, { at: at + 4, size: 2 })
  }
  return fields.filter(({ at, size }) => at + size <= hello.length)
}

const lengths = [0, 1, 2, 127, 255, 256, 2 ** 14, 2 ** 14 + 1, 2 ** 14 + 256, 2 ** 14 + 257, 2 ** 16 - 1, 2 ** 24 - 1]

/** Lengths at the bounds of TLS, of frames before a proof and after it, and right beside the true one. */
const drawLength = (rng: Rng, bytes: Uint8Array, field: Field): number => {
  const { size } = field
  const value = rng.happens(0.4)
    ? read(bytes, field) + rng.pick([-2, -1, 1, 2, 16])
    : rng.pick([...lengths, 5_120, 5_121, 73_728, 73_729, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])
  return Math.max(0, value) % 256 ** size
}

const record = (type: number, ...body: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.of(type, 3, 3, body.length >> 8, body.length & 0xFF, ...body)

/** Records that have no place there. */
const records: ReadonlyArray<Uint8Array> = [
  // Alerts: an end, something fatal, and too short a one.
  record(21, 1, 0),
  record(21, 2, 40),
  record(21, 2),
  // A change of ciphers, as TLS 1.3 takes and drops it, and one that says something else.
  record(20, 1),
  record(20, 2),
  // Of each kind one that is empty.
  ...[20, 21, 22, 23, 24, 0, 255].map((type) => record(type)),
  // Data before there are keys; a heartbeat that asks for more than it brings (RFC 6520).
  record(23, ...Array.from({ length: 40 }, (_, index) => index)),
  record(24, 1, 0xFF, 0xFF),
  // A request to negotiate anew, as TLS 1.2 has it; other keys, an end of early data, and tickets, all in clear.
  record(22, 0, 0, 0, 0),
  record(22, 24, 0, 0, 1, 1),
  record(22, 5, 0, 0, 0),
  record(22, 4, 0, 0, 4, 0, 0, 0, 0),
  // A ClientHello that says that it goes on for 16 MB.
  record(22, 1, 0xFF, 0xFF, 0xFF, 3, 3)
]

const text = (...lines: ReadonlyArray<string>): Uint8Array => Buffer.from(lines.join("\r\n"), "latin1")

const others: ReadonlyArray<Uint8Array> = [
  text("GET / HTTP/1.1", "Host: example.org", "", ""),
  text("POST / HTTP/1.1", "Content-Length: 99999", "", "x".repeat(5_000)),
  text("PRI * HTTP/2.0", "", "SM", "", ""),
  text("SSH-2.0-OpenSSH_9.9", ""),
  text("*1", "$4", "PING", ""),
  text("HELO example.org", ""),
  new Uint8Array(8_192),
  new Uint8Array(0),
  Uint8Array.of(handshakeRecord),
  // A ClientHello of SSL 2, and one of TLS 1.0 that offers nothing.
  Uint8Array.of(0x80, 0x2E, 1, 0, 2, 0, 21, 0, 0, 0, 16, 1, 0, 0x80, 3, 0, 0x80),
  record(22, 1, 0, 0, 38, 3, 1, ...Array.from({ length: 32 }, () => 7), 0, 0, 0, 0)
]

// -----------------------------------------------------------------------------
// changes
// -----------------------------------------------------------------------------

type Change = (rng: Rng, cast: Samples.Cast, recorded: Recorded) => Uint8Array

const onUnits = (change: (rng: Rng, units: Array<Uint8Array>, at: number) => void): Change => (rng, _cast, { own }) => {
  const units = unitsOf(own)
  change(rng, units, rng.below(units.length))
  return Mutation.joined(...units)
}

const changes: { readonly [how: string]: Change } = {
  "as it was": (_chance, _cast, { own }) => own,
  "a length": onUnits((rng, units, at) => {
    const unit = units[at]!.slice()
    const field = lengthOf(units[0]!)
    write(unit, field, drawLength(rng, unit, field))
    units[at] = unit
  }),
  "a length within": (rng, _cast, { own, other }) => {
    const bytes = (isTls(own) ? own : other).slice()
    for (let times = 1 + rng.below(2); times > 0; times--) {
      const field = rng.pick(lengthsOf(unitsOf(bytes)[0]!))
      write(bytes, field, drawLength(rng, bytes, field))
    }
    return bytes
  },
  "a header": onUnits((rng, units, at) => {
    const unit = units[at]!.slice()
    unit[rng.below(Math.min(unit.length, 6))] = rng.happens(0.5) ? 20 + rng.below(6) : rng.below(256)
    units[at] = unit
  }),
  "one left out": onUnits((_chance, units, at) => void units.splice(at, 1)),
  "one repeated": onUnits((rng, units, at) =>
    void units.splice(at, 0, ...Array.from({ length: rng.pick([1, 2, 40]) }, () => units[at]!))
  ),
  "another order": onUnits((rng, units, at) => void units.splice(rng.below(units.length), 0, units.splice(at, 1)[0]!)),
  "one put in": onUnits((rng, units, at) => {
    const one = isTls(units[0]!)
      ? rng.pick(records)
      : encodeFrames([Mutation.randomBytes(rng, rng.pick([0, 0, 1, 40, 5_200]))])
    const count = rng.happens(0.1) ? 2_000 : 1 + rng.below(3)
    units.splice(at + rng.below(2), 0, ...Array.from({ length: count }, () => one))
  }),
  // As if each of its parts were to be taken as one of the other kind.
  "another kind": (_chance, _cast, { other }) => other,
  "another kind behind it": (rng, _cast, { other, own }) =>
    Mutation.joined(own.subarray(0, rng.below(own.length)), other),
  "cut off": (rng, _cast, { own }) => own.subarray(0, rng.below(own.length)),
  bytes: (rng, cast, { other, own }) => Mutation.mutateBytes(rng, cast, own, other).frame,
  // Most of what is looked at stands there.
  "bytes ahead": (rng, cast, { other, own }) => {
    const size = Math.min(own.length, 1 + rng.below(400))
    return Mutation.joined(
      Mutation.mutateBytes(rng, cast, own.subarray(0, size), other).frame,
      own.subarray(size)
    )
  },
  "another protocol": (rng) => rng.pick(others),
  noise: (rng, _cast, { own }) => {
    const known = own.subarray(0, rng.pick([0, 1, 3, 5, 6, 9, 11]))
    return Mutation.joined(known, Mutation.randomBytes(rng, 1 + rng.below(rng.happens(0.1) ? 40_000 : 600)))
  }
}

export const hows: ReadonlyArray<string> = Object.keys(changes)

/** Changes what was recorded, in one way. */
export const mutate = (rng: Rng, cast: Samples.Cast, recorded: Recorded): Stream => {
  const how = rng.pick(hows)
  return { how, bytes: changes[how]!(rng, cast, recorded) }
}

/** Cuts a stream into the pieces in which it is said: one, some, or at first one for each byte. */
export const cut = (rng: Rng, bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const places = new Set<number>()
  switch (rng.below(4)) {
    case 0:
    case 1:
      break
    case 2:
      for (let count = 1 + rng.below(6); count > 0; count--) places.add(rng.below(bytes.length + 1))
      break
    default:
      for (let at = 1; at < 24; at++) places.add(at)
  }
  const cuts = [...places].filter((at) => at > 0 && at < bytes.length).toSorted((x, y) => x - y)
  return [...cuts, bytes.length].map((to, index) => bytes.subarray(cuts[index - 1] ?? 0, to))
}
