/**
 * A link: a connection whose two ends have proved to each other who they are.
 *
 * It carries decoded frames in, and two lanes of frames out: control goes ahead of
 * data. What a lane holds goes out as one batch, so that a busy link costs one
 * write for many frames and an idle one does not wait. Rules H1 to H4 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Frame from "../protocol/Frame.ts"
import * as Handshake from "../protocol/Handshake.ts"
import type * as Node from "../ring/Node.ts"
import type * as NodeId from "../ring/NodeId.ts"
import { type Connection, ConnectionError } from "./Transport.ts"

/**
 * What one end says of itself in every handshake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Identity {
  readonly cluster: string
  readonly role: "member" | "client"
  readonly node: Node.Node
  readonly credentials: "none" | "passphrase"
  readonly proofKey: Handshake.ProofKey
  /** Fresh randomness for each handshake. */
  readonly nonce: Effect.Effect<NodeId.NodeId>
}

/**
 * The other end of a link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly role: "member" | "client"
  readonly node: Node.Node
}

/**
 * A link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Link {
  readonly peer: Peer
  /** This end opened it. */
  readonly isDialled: boolean
  /** Puts a frame on the control lane. */
  readonly sendControl: (frame: Uint8Array) => void
  /** Puts a frame on the data lane. The link's window bounds how many there are. */
  readonly sendData: (frame: Uint8Array) => void
  /** Says goodbye and ends the link after what is in its lanes has been written. */
  readonly close: () => void
  /** Carries frames until the link ends; `onFrames` gets all that arrived together. A malformed frame ends it. */
  readonly run: (
    onFrames: (frames: ReadonlyArray<Frame.Frame>) => Effect.Effect<void>
  ) => Effect.Effect<never, ConnectionError | Malformed>
}

/**
 * The other end sent what no well-behaved program sends.
 *
 * @category errors
 * @since 0.1.0
 */
export interface Malformed {
  readonly _tag: "Malformed"
  readonly message: string
}

/**
 * What may wait in a lane, in frames, and of control in bytes (windows bound the data):
 * a peer that reads nothing for so long is no peer, and its link ends.
 */
const maxWaiting = 65_536
const maxControlBytes = 64 * 1024 * 1024

/** How long a peer that does not read may hold up the end of a link that was closed here, in milliseconds. */
const closePatience = 5_000

const makeHello = (identity: Identity, nonce: NodeId.NodeId): Handshake.Hello => ({
  _tag: "Hello",
  lowestVersion: Handshake.versions.lowest,
  highestVersion: Handshake.versions.highest,
  cluster: identity.cluster,
  role: identity.role,
  node: identity.node,
  credentials: identity.credentials,
  nonce
})

const refuse = (connection: Connection, reason: Handshake.RefusalReason) =>
  Effect.ignore(connection.write([Handshake.encode({ _tag: "Refusal", reason })])).pipe(
    Effect.andThen(
      Effect.fail(new Handshake.Refused({ reason, by: "self", message: Handshake.explain(reason) }))
    )
  )

/** Reads the frames of the handshake one by one; what came with the last of them belongs to the link. */
const makeReader = (connection: Connection) => {
  let ahead: Array<Uint8Array> = []
  const next = Effect.fnUntraced(function*() {
    if (ahead.length === 0) ahead = [...(yield* connection.read)]
    return ahead.shift()!
  })
  return { next, rest: () => ahead }
}

/** Waits for one kind of handshake frame; a refusal by the other end, and nonsense, are typed failures. */
const expect = Effect.fnUntraced(function*<Tag extends "Hello" | "Proof">(
  connection: Connection,
  reader: ReturnType<typeof makeReader>,
  tag: Tag
) {
  const frame = yield* reader.next()
  const message = Handshake.decode(frame)
  if (message?._tag === "Refusal") {
    const { reason } = message
    return yield* new Handshake.Refused({ reason, by: "peer", message: Handshake.explain(reason) })
  }
  if (message?._tag !== tag) return yield* refuse(connection, "malformed")
  return { frame, message: message as Extract<Handshake.Message, { readonly _tag: Tag }> }
})

const withProof = Effect.fnUntraced(function*(
  connection: Connection,
  proof: Uint8Array,
  given: Uint8Array
) {
  if (!Handshake.isSameProof(proof, given)) return yield* refuse(connection, "credentials")
})

/**
 * Makes a link of a connection that this end dialled.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(connection: Connection, identity: Identity) {
  const reader = makeReader(connection)
  const mine = makeHello(identity, yield* identity.nonce)
  const sent = Handshake.encode(mine)
  yield* connection.write([sent])
  const theirs = yield* expect(connection, reader, "Hello")
  const mismatch = Handshake.mismatch(mine, theirs.message)
  if (mismatch !== undefined) return yield* refuse(connection, mismatch)
  const { proofKey } = identity
  yield* connection.write([
    Handshake.encode({ _tag: "Proof", bytes: Handshake.prove(proofKey, "dialler", sent, theirs.frame) })
  ])
  const proof = yield* expect(connection, reader, "Proof")
  yield* withProof(connection, Handshake.prove(proofKey, "acceptor", sent, theirs.frame), proof.message.bytes)
  return make(connection, theirs.message, true, reader.rest())
})

/**
 * Makes a link of a connection that this end accepted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accept = Effect.fnUntraced(function*(connection: Connection, identity: Identity) {
  const reader = makeReader(connection)
  const theirs = yield* expect(connection, reader, "Hello")
  const mine = makeHello(identity, yield* identity.nonce)
  const mismatch = Handshake.mismatch(mine, theirs.message)
  if (mismatch !== undefined) return yield* refuse(connection, mismatch)
  const sent = Handshake.encode(mine)
  yield* connection.write([sent])
  const { proofKey } = identity
  const proof = yield* expect(connection, reader, "Proof")
  yield* withProof(connection, Handshake.prove(proofKey, "dialler", theirs.frame, sent), proof.message.bytes)
  yield* connection.write([
    Handshake.encode({ _tag: "Proof", bytes: Handshake.prove(proofKey, "acceptor", theirs.frame, sent) })
  ])
  return make(connection, theirs.message, false, reader.rest())
})

const make = (
  connection: Connection,
  hello: Handshake.Hello,
  isDialled: boolean,
  ahead: ReadonlyArray<Uint8Array>
): Link => {
  const control: Array<Uint8Array> = []
  const data: Array<Uint8Array> = []
  const signal = Latch.makeUnsafe(false)
  /** The write loop may hang in a write to a peer that does not read: the end of the link must not depend on it. */
  const ending = Latch.makeUnsafe(false)
  let controlBytes = 0
  let isClosing = false
  let isOverfull = false

  const put = (lane: Array<Uint8Array>, frame: Uint8Array) => {
    if (isClosing) return
    if (lane === control) controlBytes += frame.length
    if (lane.length >= maxWaiting || controlBytes > maxControlBytes) {
      isOverfull = true
      ending.openUnsafe()
    } else {
      lane.push(frame)
    }
    signal.openUnsafe()
  }

  const writeLoop = Effect.gen(function*() {
    while (true) {
      yield* signal.await
      signal.closeUnsafe()
      while (control.length > 0 || data.length > 0) {
        if (control.length > 0) controlBytes = 0
        const batch = control.length > 0 ? control.splice(0) : data.splice(0, 1024)
        yield* connection.write(batch)
      }
      if (isClosing) return yield* new ConnectionError({ reason: "Closed", message: "the link was closed here" })
    }
  })

  const giveUp = Effect.gen(function*() {
    yield* ending.await
    if (!isOverfull) yield* Effect.sleep(closePatience)
    return yield* isOverfull
      ? new ConnectionError({
        reason: "Reset",
        message: "too much waits for a peer that does not read: the link is given up"
      })
      : new ConnectionError({ reason: "Closed", message: "the link was closed here" })
  })

  const decode = (raw: ReadonlyArray<Uint8Array>): Array<Frame.Frame> => raw.map(Frame.decode)

  const readLoop = Effect.fnUntraced(function*(
    onFrames: (frames: ReadonlyArray<Frame.Frame>) => Effect.Effect<void>
  ) {
    let raw: ReadonlyArray<Uint8Array> = ahead
    while (true) {
      if (raw.length > 0) {
        const frames = decode(raw)
        const bad = frames.findIndex((frame) => frame._tag === "Malformed")
        if (bad > 0) yield* onFrames(frames.slice(0, bad))
        if (bad >= 0) return yield* Effect.fail(frames[bad] as Malformed)
        yield* onFrames(frames)
      }
      raw = yield* connection.read
    }
  })

  return {
    peer: { role: hello.role, node: hello.node },
    isDialled,
    sendControl: (frame) => put(control, frame),
    sendData: (frame) => put(data, frame),
    close: () => {
      put(data, Frame.bye())
      isClosing = true
      signal.openUnsafe()
      ending.openUnsafe()
    },
    run: (onFrames) => Effect.raceAllFirst([readLoop(onFrames), writeLoop, giveUp])
  }
}
