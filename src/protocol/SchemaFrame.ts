/**
 * SchemaFrame: a kind of frame whose body is a Schema value in Effect's binary encoding.
 *
 * Effect's encoder writes into a buffer that all of the process share, and returns a view of it. The buffer holds the
 * longest value so far, up to twice, and lives until it is full. So each frame is a copy, which keeps no such buffer
 * alive. And the schemas bound every text and list, so that the longest body, two full lists of Nodes with the longest
 * names, takes 0.9 MB, and the one buffer that the process keeps takes 1 MiB at most.
 *
 * @since 0.1.0
 */
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

/**
 * A kind of frame.
 *
 * @category models
 * @since 0.1.0
 */
export interface SchemaFrame<A> {
  readonly encode: (value: A) => Uint8Array
  /** `undefined` when the frame is of another kind, or its body does not match the schema. */
  readonly decode: (frame: Uint8Array) => A | undefined
}

/**
 * A kind of frame, by its first byte and the schema of its body.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, I>(kind: number, schema: Schema.Codec<A, I>): SchemaFrame<A> => {
  const codec = SchemaBinary.toCodec(schema)
  const encodeBody = Schema.encodeSync(codec)
  const decodeBody = Schema.decodeExit(codec)
  return {
    encode: (value) => {
      const body = encodeBody(value)
      const frame = new Uint8Array(1 + body.length)
      frame[0] = kind
      frame.set(body, 1)
      return frame
    },
    decode: (frame) => {
      if (frame[0] !== kind) return undefined
      const exit = decodeBody(frame.slice(1))
      return Exit.isSuccess(exit) ? exit.value : undefined
    }
  }
}
