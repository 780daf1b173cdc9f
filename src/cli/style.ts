/**
 * Colours, where the terminal has them.
 *
 * @since 0.1.0
 */

/**
 * Marks text for a terminal, or leaves it as it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
}

/**
 * Makes a style.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (hasColor: boolean): Style => {
  const mark = (code: number) => (text: string) => hasColor ? `\u001b[${code}m${text}\u001b[0m` : text
  return { bold: mark(1), dim: mark(2), red: mark(31), green: mark(32), yellow: mark(33), cyan: mark(36) }
}

/**
 * Text from elsewhere, fit for a terminal: control characters appear as their codes.
 *
 * @category rendering
 * @since 0.1.0
 */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
