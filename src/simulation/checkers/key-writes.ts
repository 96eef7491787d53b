/** All that was written to one key, or may have been, and what that says of deletions. */
import { compareVersions, formatVersion, type Version } from '../../model/version.ts'
import { endMs, isCertain, type Write } from './call.ts'

export class KeyWrites {
  /** Of known version, in the order of versions. */
  readonly versioned: readonly Write[]
  /** Of those, deletions, and values that end by themselves. */
  readonly floating: readonly Write[]
  /** All, deletions or not, whose version nobody told. */
  readonly unversioned: readonly Write[]
  /** Of known version: deletions, and values that end by themselves. */
  readonly #endings: readonly Write[]
  /** Of each of them and all later ones: when the first may have made the key absent. */
  readonly #firstEndsMs: readonly number[]
  readonly #byVersion: ReadonlyMap<string, Write>
  /** Returns of those that float → when they may have made the key absent. */
  readonly #deletions: LeastBehind
  /** Invocations of those that happened for certain → their returns. */
  readonly #sureDeletions: LeastBehind
  /** When a put was invoked that may have happened, but of whose version nobody has heard. */
  readonly #firstGhostMs: number | undefined

  constructor(writes: readonly Write[]) {
    this.versioned = writes
      .filter(({ version }) => version)
      .sort((a, b) => (a.version && b.version ? compareVersions(a.version, b.version) : 0))
    this.unversioned = writes.filter(({ version }) => !version)
    this.floating = this.unversioned.filter(isEnding)
    const ghosts = this.unversioned.filter(({ effect }) => effect.value !== null)
    this.#firstGhostMs = leastBehind(ghosts.map(({ call }) => call.invokeMs))[0]
    this.#deletions = new LeastBehind(this.floating.map(endOf))
    const sure = this.floating.filter(each => isCertain(each) && each.effect.value === null)
    this.#sureDeletions = new LeastBehind(
      sure.map(({ call }) => ({ at: call.invokeMs, value: call.returnMs })),
    )
    this.#endings = this.versioned.filter(isEnding)
    this.#firstEndsMs = leastBehind(this.#endings.map(endMs))
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
    return this.floating.length > 0 || this.#endings.some(({ effect }) => effect.value !== null)
  }

  /** With that version or a later one the key has become absent by then, or may have. */
  isDeletedFrom(version: Version, byMs: number): boolean {
    const at = firstIndex(
      this.#endings,
      each => each.version !== undefined && compareVersions(each.version, version) >= 0,
    )
    return isBy(this.#firstEndsMs[at], byMs)
  }

  /** Some put without a known version may have been applied by then. */
  mayBePut(byMs: number): boolean {
    return isBy(this.#firstGhostMs, byMs)
  }

  /**
   * The key may have become absent behind `after` (undefined: since ever) and by then, although no
   * tombstone of known version says so. What returned before `after` was invoked, came before it.
   */
  mayBeDeleted(after: Write | undefined, byMs: number): boolean {
    if (after && after.effect.value !== null && isBy(endMs(after), byMs)) return true
    return isBy(this.#deletions.leastFrom(after ? after.call.invokeMs : -Infinity), byMs)
  }

  /** A deletion of unknown version lay wholly behind `after`, and wholly before that moment. */
  isSurelyDeleted(after: Write, beforeMs: number): boolean {
    const firstMs = this.#sureDeletions.leastAbove(after.call.returnMs)
    return firstMs !== undefined && firstMs < beforeMs
  }
}

const isEnding = (write: Write): boolean => endMs(write) !== Infinity

/** Nothing happens at infinity: to be asked of the end of time, too. */
const isBy = (ms: number | undefined, boundMs: number): boolean =>
  ms !== undefined && ms !== Infinity && ms <= boundMs

const endOf = (write: Write) => ({ at: write.call.returnMs, value: endMs(write) })

/** Answers what the least value is of all points from some place on. */
class LeastBehind {
  readonly #places: readonly number[]
  readonly #least: readonly number[]

  constructor(points: readonly { readonly at: number; readonly value: number }[]) {
    const sorted = [...points].sort((a, b) => a.at - b.at)
    this.#places = sorted.map(({ at }) => at)
    this.#least = leastBehind(sorted.map(({ value }) => value))
  }

  /** undefined: there is no such point. */
  leastFrom(place: number): number | undefined {
    return this.#least[firstIndex(this.#places, at => at >= place)]
  }

  leastAbove(place: number): number | undefined {
    return this.#least[firstIndex(this.#places, at => at > place)]
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
