/**
 * Reason: why something failed, as a value with a tag, so that `Effect.catchReason` and `Effect.unwrapReason` tell the
 * reasons of one error apart.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * One reason. `message` is for people, and says what to do.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reason<Tag extends string> {
  readonly _tag: Tag
  readonly message: string
}

/**
 * The Schema of a reason that is one of these.
 *
 * @category schemas
 * @since 0.1.0
 */
export const oneOf = <const Tags extends ReadonlyArray<string>>(
  ...tags: Tags
): Schema.Codec<{ readonly [Index in keyof Tags]: Reason<Tags[Index]> }[number]> =>
  Schema.Union(tags.map((tag) => Schema.TaggedStruct(tag, { message: Schema.String }))) as never
