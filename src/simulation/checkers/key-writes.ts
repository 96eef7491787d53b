/** All that was written to one key, or may have been, and what that says of deletions. */
import { compareVersions, formatVersion, type Version } from '../../model/version.ts'
import { type Call, isCertain, type Write } from './call.ts'

export class KeyWrites {
  /** Of known version, in the order of versions. */
  readonly versioned: readonly Write[]
  /** Of those, deletions, and values that end by themselves. */
  readonly floating: readonly Write[]
  /** All, deletions or not, whose version nobody told. */
  readonly unversioned: readonly Write[]
  /** Of known version: deletions, and values that end by themselves. */
  readonly #endings: readonly Write[]
  /** Of each of them and all later ones: when the first was invoked. */
  readonly #endingInvokes: readonly number[]
  readonly #byVersion: ReadonlyMap<string, Write>
  /** Returns of deletions that float → their invocations. */
  readonly #deletions: LeastBehind
  /** Invocations of those that happened for certain → their returns. */
  readonly #sureDeletions: LeastBehind
  /** When a put was invoked that may have happened, but of whose version nobody has heard. */
  readonly #firstGhostMs: number

  constructor(writes: readonly Write[]) {
    this.versioned = writes
      .filter(({ version }) => version)
      .sort((a, b) => (a.version && b.version ? compareVersions(a.version, b.version) : 0))
    this.unversioned = writes.filter(({ version }) => !version)
    this.floating = this.unversioned.filter(isEnding)
    const ghosts = this.unversioned.filter(({ effect }) => effect.value !== null)
    this.#firstGhostMs = ghosts.reduce((ms, { call }) => Math.min(ms, call.invokeMs), Infinity)
    this.#deletions = new LeastBehind(this.floating.map(({ call }) => swapped(call)))
    const sure = this.floating.filter(each => isCertain(each) && each.effect.value === null)
    this.#sureDeletions = new LeastBehind(
      sure.map(({ call }) => ({ at: call.invokeMs, value: call.returnMs })),
    )
    this.#endings = this.versioned.filter(isEnding)
    this.#endingInvokes = leastBehind(this.#endings.map(({ call }) => call.invokeMs))
    this.#byVersion = new Map(
      this.versioned.map(write => [write.version ? formatVersion(write.version) : '', write]),
    )
  }

  withVersion(version: string): Write | undefined {
    return this.#byVersion.get(version)
  }

  /** A deletion has this version, or may have it, or a value may have ended by itself. */
  explainsTombstone(version: string): boolean {
    const write = this.withVersion(version)
    if (write) return write.effect.value === null
    return this.floating.length > 0 || this.#endings.some(({ effect }) => effect.expires)
  }

  /** With that version or a later one the key has become absent by then, or may have. */
  isDeletedFrom(version: Version, byMs: number): boolean {
    const at = firstIndex(
      this.#endings,
      each => each.version !== undefined && compareVersions(each.version, version) >= 0,
    )
    return (this.#endingInvokes[at] ?? Infinity) <= byMs
  }

  /** Some put without a known version may have been applied by then. */
  mayBePut(byMs: number): boolean {
    return this.#firstGhostMs <= byMs
  }

  /**
   * The key may have become absent behind `after` (undefined: since ever) and by then, although no
   * tombstone of known version says so. What returned before `after` was invoked, came before it.
   */
  mayBeDeleted(after: Write | undefined, byMs: number): boolean {
    if (after?.effect.expires) return true
    return this.#deletions.leastFrom(after ? after.call.invokeMs : -Infinity) <= byMs
  }

  /** A deletion of unknown version lay wholly behind `after`, and wholly before that moment. */
  isSurelyDeleted(after: Write, beforeMs: number): boolean {
    return this.#sureDeletions.leastAbove(after.call.returnMs) < beforeMs
  }
}

const isEnding = ({ effect }: Write): boolean => effect.value === null || effect.expires

const swapped = ({ invokeMs, returnMs }: Call) => ({ at: returnMs, value: invokeMs })

/** Answers what the least value is of all points from some place on. */
class LeastBehind {
  readonly #places: readonly number[]
  readonly #least: readonly number[]

  constructor(points: readonly { readonly at: number; readonly value: number }[]) {
    const sorted = [...points].sort((a, b) => a.at - b.at)
    this.#places = sorted.map(({ at }) => at)
    this.#least = leastBehind(sorted.map(({ value }) => value))
  }

  /** Infinity: there is no such point. */
  leastFrom(place: number): number {
    return this.#least[firstIndex(this.#places, at => at >= place)] ?? Infinity
  }

  leastAbove(place: number): number {
    return this.#least[firstIndex(this.#places, at => at > place)] ?? Infinity
  }
}

/** Of each number and all behind it: the least. */
function leastBehind(numbers: readonly number[]): readonly number[] {
  const least = [...numbers]
  for (let i = least.length - 2; i >= 0; i--) {
    least[i] = Math.min(least[i] as number, least[i + 1] as number)
  }
  return least
}

/** Of the first item that is so, where all behind it are so too; the length where none is. */
export function firstIndex<T>(items: readonly T[], isSo: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isSo(items[middle] as T)) high = middle
    else low = middle + 1
  }
  return low
}
