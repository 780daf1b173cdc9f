/**
 * The version of this package, as `package.json` has it.
 *
 * Not read from there: a program that is bundled has no such file beside it, or that of another package.
 *
 * @since 0.1.0
 */
export const version = "0.1.0"
