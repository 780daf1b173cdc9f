/**
 * Which package it is that could not be loaded: peers of this one are optional, and are missed only by who needs them.
 *
 * @since 0.1.0
 */

/**
 * The first of these packages that an error of `import` names as not found.
 *
 * @category getters
 * @since 0.1.0
 */
export const missingPackage = (error: unknown, names: ReadonlyArray<string>): string | undefined =>
  error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"
    ? names.find((name) => error.message.includes(name))
    : undefined
