/**
 * A map by ids, which makes no text of an id to look it up: for what is asked for each message.
 *
 * Ids with the same first place are told apart one by one, so whoever can choose its id must not come in by the thousand.
 *
 * @since 0.1.0
 */
import * as NodeId from "./NodeId.ts"

interface Entry<A> {
  readonly id: NodeId.NodeId
  value: A
  next: Entry<A> | undefined
}

/**
 * A map from ids to values.
 *
 * @category models
 * @since 0.1.0
 */
export class IdMap<A> {
  private readonly places = new Map<number, Entry<A>>()

  get(id: NodeId.NodeId): A | undefined {
    return this.find(id)?.value
  }

  set(id: NodeId.NodeId, value: A): void {
    const entry = this.find(id)
    if (entry !== undefined) entry.value = value
    else this.places.set(placeOf(id), { id, value, next: this.places.get(placeOf(id)) })
  }

  delete(id: NodeId.NodeId): void {
    const first = this.places.get(placeOf(id))
    let rest: Entry<A> | undefined
    for (let entry = first; entry !== undefined; entry = entry.next) {
      if (!NodeId.equals(entry.id, id)) rest = { ...entry, next: rest }
    }
    if (rest === undefined) this.places.delete(placeOf(id))
    else this.places.set(placeOf(id), rest)
  }

  private find(id: NodeId.NodeId): Entry<A> | undefined {
    let entry = this.places.get(placeOf(id))
    while (entry !== undefined && !NodeId.equals(entry.id, id)) entry = entry.next
    return entry
  }
}

const placeOf = (id: NodeId.NodeId): number => id.word0 ^ id.word1 ^ id.word2 ^ id.word3
