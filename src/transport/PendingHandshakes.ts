/**
 * PendingHandshakes: those who have connected and have not proved yet that they belong here.
 *
 * They take up room and owe nothing, so there is little room for them; but who comes and says nothing must not keep
 * out who comes and proves himself at once. When there are too many, the one that has waited longest is dismissed,
 * of the host that has most.
 *
 * @since 0.1.0
 */

interface Entry {
  readonly dismiss: () => void
}

/**
 * Room for so many.
 *
 * @category models
 * @since 0.1.0
 */
export class PendingHandshakes {
  readonly #max: number
  /** By where they come from, in the order in which they came. */
  readonly #waiting = new Map<string, Set<Entry>>()
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** From how many hosts they come. */
  get hosts(): number {
    return this.#waiting.size
  }

  /**
   * Somebody has come from a host. `dismiss` is called, once, if there is need for the room; what is returned ends the
   * wait, and may be called again.
   */
  enter(host: string, dismiss: () => void): () => void {
    if (this.#size >= this.#max) this.#makeRoom()
    const one: Entry = { dismiss }
    const others = this.#waiting.get(host)
    if (others === undefined) this.#waiting.set(host, new Set([one]))
    else others.add(one)
    this.#size++
    return () => void this.#remove(host, one)
  }

  #remove(host: string, one: Entry): boolean {
    const others = this.#waiting.get(host)
    if (others === undefined || !others.delete(one)) return false
    this.#size--
    if (others.size === 0) this.#waiting.delete(host)
    return true
  }

  #makeRoom(): void {
    let busiest: readonly [string, Set<Entry>] | undefined
    for (const entry of this.#waiting) if (busiest === undefined || entry[1].size > busiest[1].size) busiest = entry
    if (busiest === undefined) return
    const [host, others] = busiest
    const [oldest] = others
    if (oldest !== undefined && this.#remove(host, oldest)) oldest.dismiss()
  }
}
